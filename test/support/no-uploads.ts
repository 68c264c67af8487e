/** The part for uploads of a gateway at whose address no input points. */
import type { UploadService } from '../../src/services/uploads/upload-service.js';

export const noUploads: Pick<UploadService, 'faultsAt' | 'namedAt'> = {
  faultsAt: async () => [],
  namedAt: () => [],
};

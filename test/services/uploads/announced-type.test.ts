import { describe, expect, test } from 'vitest';
import { toUploadType, uploadTypeFault } from '../../../src/services/uploads/announced-type.js';
import { UPLOAD_TYPES } from '../../../src/services/uploads/upload.js';

describe('an announced type', () => {
  test.each([
    ...Object.keys(UPLOAD_TYPES).map((type) => [type, type]),
    ['image/jpg', 'image/jpeg'],
    [' Image/PNG; charset=binary', 'image/png'],
    ['video/avi', 'video/x-msvideo'],
  ])('%s is taken for %s', (given, meant) => {
    expect(toUploadType(given)).toBe(meant);
    expect(uploadTypeFault(given)).toBeNull();
  });

  test.each([
    ['image/heic', 'HEIC'],
    ['image/HEIF', 'HEIC'],
    ['image/heic-sequence', 'HEIC'],
    ['image/avif', 'AVIF'],
    ['image/bmp', 'BMP'],
    ['image/x-ms-bmp', 'BMP'],
    ['image/svg+xml', 'OTHER'],
    ['text/html', 'OTHER'],
    ['constructor', 'OTHER'],
    ['', 'OTHER'],
  ])('%j is refused as %s', (given, fault) => {
    expect(toUploadType(given)).toBeNull();
    expect(uploadTypeFault(given)).toBe(fault);
  });
});

/** What the generated files (schema, settings, error codes and reasons) are made of: see scripts/codegen.mjs. */
import { printSchema } from 'graphql';
import { URL_FAULTS } from './http-url.js';
import { createSchema, RESOLVERS } from './resolvers/schema.js';
import { IMAGE_FAULTS } from './services/faces/base64-picture.js';
import { METADATA_FAULTS } from './services/jobs/labels.js';
import { OPTS_FAULTS } from './services/jobs/opts.js';
import { UPLOAD_TYPE_FAULTS } from './services/uploads/announced-type.js';

export { SETTINGS } from './config/settings.js';
export { ERROR_CODES } from './errors.js';
export { REFUSALS } from './http/refusals.js';
export { USER_MESSAGES } from './services/jobs/job-error.js';
export { UPLOAD_REFUSALS } from './services/uploads/upload-refusal.js';

/** The messages of field errors whose code has several reasons. */
export const FIELD_ERROR_REASONS = {
  URL_INVALID: URL_FAULTS,
  OPTS_MALFORMED: OPTS_FAULTS,
  METADATA_INVALID: METADATA_FAULTS,
  IMAGE_INVALID: IMAGE_FAULTS,
  CONTENT_TYPE_UNSUPPORTED: UPLOAD_TYPE_FAULTS,
};

export async function schemaText(): Promise<string> {
  return printSchema(await createSchema(RESOLVERS));
}

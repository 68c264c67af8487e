/** The inputs of the generated files (schema, settings, error codes); see scripts/codegen.mjs. */
import { printSchema } from 'graphql';
import { createSchema, RESOLVERS } from './resolvers/schema.js';

export { SETTINGS } from './config/settings.js';
export { ERROR_CODES } from './errors.js';

export async function schemaText(): Promise<string> {
  return printSchema(await createSchema(RESOLVERS));
}

/** Validators built from Akool's own OpenAPI files, so that the sandbox matches what Akool publishes. */
import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { parse } from 'yaml';

const FIXTURES = new URL('../fixtures/akool/', import.meta.url);

/** The deviations of a response of `path` from its description. */
export function mistakesInAnswer(
  path: string,
  method: 'get' | 'post',
  status: number,
  body: unknown,
): string[] {
  return mistakes(`${path} ${method} answer ${status}`, body);
}

export function mistakesInRequest(path: string, body: unknown): string[] {
  return mistakes(`${path} post request`, body);
}

/** The example requests that Akool publishes for `path`. */
export function exampleRequests(path: string): unknown[] {
  const media = operations.get(`${path} post`)?.requestBody?.content?.['application/json'];
  const named = Object.values(media?.examples ?? {}).map(({ value }) => value);
  return media?.example === undefined ? named : [media.example, ...named];
}

interface Media {
  schema: object;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Operation {
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content: Record<string, Media> }>;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

const operations = new Map<string, Operation>();
const validators = new Map<string, ValidateFunction>();

for (const [file, base] of [
  ['openapi-faceswap.yaml', ''],
  ['openapi-face-detection.yaml', '/interface/detect-api'],
] as const) {
  const description: Description = parse(readFileSync(new URL(file, FIXTURES), 'utf8'));
  const ajv = new Ajv({ strict: false, allErrors: true });
  // ajv-formats is CommonJS: depending on the loader, its function is the namespace or the default export.
  const addFormats = 'default' in formats ? (formats.default as unknown as (ajv: Ajv) => void) : formats;
  (addFormats as (ajv: Ajv) => void)(ajv);
  ajv.addSchema({ $id: 'akool', components: description.components });
  const compile = (schema: object) => ajv.compile(pointed(schema));
  for (const [path, methods] of Object.entries(description.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const name = `${base}${path} ${method}`;
      operations.set(name, operation);
      const request = operation.requestBody?.content['application/json'];
      if (request) validators.set(`${name} request`, compile(request.schema));
      for (const [status, response] of Object.entries(operation.responses)) {
        const schema = response.content['application/json']?.schema;
        if (schema) validators.set(`${name} answer ${status}`, compile(schema));
      }
    }
}

function mistakes(name: string, value: unknown): string[] {
  const validate = validators.get(name);
  if (!validate) return [`Akool describes no ${name}`];
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${name}: ${instancePath} ${message}`);
}

/** Makes references point to the components, whose id is `akool`. */
function pointed(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"akool#/components'));
}

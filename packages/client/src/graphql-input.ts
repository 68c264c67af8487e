/** Turns what an app gives into the gateway's GraphQL inputs. */
import type { Media } from './media.js';
import type { FacePicture, SubmitInput, SubmitPlusInput } from './submit-input.js';

type Fields = Readonly<Record<string, unknown>>;
/** What the files have become. */
export type Uploads = ReadonlyMap<Blob, { readonly url: string }>;

/** The files in an input, each once. */
export function filesIn(value: unknown, files = new Set<Blob>()): Set<Blob> {
  if (value instanceof Blob) files.add(value);
  else if (isObject(value)) for (const one of Object.values(value)) filesIn(one, files);
  return files;
}

/** Replaces files, URLs and uploads by addresses. */
export function withAddresses(fields: object, uploads: Uploads): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, withAddress(value, uploads)]),
  );
}

function withAddress(value: unknown, uploads: Uploads): unknown {
  if (value instanceof Blob) return uploads.get(value)?.url;
  if (value instanceof URL) return value.href;
  if (Array.isArray(value)) return value.map((one) => withAddress(one, uploads));
  if (!isObject(value)) return value;
  return value['url'] ?? withAddresses(value, uploads);
}

export function graphqlInput(
  method: 'submit' | 'submitPlus',
  { metadata, source, target, ...options }: SubmitInput | SubmitPlusInput,
  uploads: Uploads,
): Fields {
  const media =
    method === 'submit'
      ? { sourceImage: pictures(source), targetImage: pictures(target) }
      : { sourceUrl: source, targetUrl: target };
  return { ...withAddresses({ ...options, ...media }, uploads), metadata };
}

function pictures(given: SubmitInput['source']): readonly FacePicture[] {
  const list: readonly (Media | FacePicture)[] = [given].flat();
  return list.map((one) => {
    // Some files have a `path` too.
    const isPicture = isObject(one) && 'path' in one && !(one instanceof Blob);
    return (isPicture ? one : { path: one }) as FacePicture;
  });
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

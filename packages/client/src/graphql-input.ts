/** Turns what an app gives into the gateway's GraphQL inputs. */
import type { Media } from './media.js';
import type { FacePicture, SubmitInput, SubmitPlusInput } from './submit-input.js';

type Fields = Readonly<Record<string, unknown>>;
/** Of the files, once they are uploaded. */
export type Addresses = ReadonlyMap<Blob, string>;

/** The files in an input, each once. */
export function filesIn(value: unknown, files = new Set<Blob>()): Set<Blob> {
  if (value instanceof Blob) files.add(value);
  else if (isObject(value)) for (const one of Object.values(value)) filesIn(one, files);
  return files;
}

/** Replaces files, URLs and uploads by addresses. */
export function withAddresses(fields: Fields, addresses: Addresses): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, withAddress(value, addresses)]),
  );
}

function withAddress(value: unknown, addresses: Addresses): unknown {
  if (value instanceof Blob) return addresses.get(value);
  if (value instanceof URL) return value.href;
  if (Array.isArray(value)) return value.map((one) => withAddress(one, addresses));
  if (!isObject(value)) return value;
  return value['url'] ?? withAddresses(value, addresses);
}

export function submitInput(
  { metadata, source, target, ...options }: SubmitInput,
  addresses: Addresses,
): Fields {
  const images = { ...options, sourceImage: pictures(source), targetImage: pictures(target) };
  return { ...withAddresses(images, addresses), metadata };
}

export function submitPlusInput(
  { metadata, source: sourceUrl, target: targetUrl, ...options }: SubmitPlusInput,
  addresses: Addresses,
): Fields {
  return { ...withAddresses({ ...options, sourceUrl, targetUrl }, addresses), metadata };
}

function pictures(given: SubmitInput['source']): readonly FacePicture[] {
  const list: readonly (Media | FacePicture)[] = [given].flat();
  return list.map((one) => (isPicture(one) ? one : { path: one }));
}

/** Some files have a `path` too. */
function isPicture(one: Media | FacePicture): one is FacePicture {
  return isObject(one) && 'path' in one && !(one instanceof Blob);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

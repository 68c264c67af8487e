/** What callers attach to their jobs for their own use. Akool gets none of it. */

export interface Labels {
  /** The caller's own name for the job; not unique. */
  readonly reference: string | null;
  /** See `metadataFault`. */
  readonly metadata: object | null;
}

export const NO_LABELS: Labels = { reference: null, metadata: null };

/** 1 to 256 characters. PostgreSQL refuses U+0000, and UTF-8 has no surrogates. */
export function isReference(text: string): boolean {
  return /^[^\p{Control}\p{Surrogate}]{1,256}$/u.test(text);
}

/** As JSON in UTF-8. */
export const MAX_METADATA_BYTES = 4 * 1024;
/** Each level takes two brackets. */
const MOST_LEVELS = MAX_METADATA_BYTES / 2;

/** Every reason to refuse metadata. */
export const METADATA_FAULTS = {
  NOT_AN_OBJECT: 'must be a JSON object, like {"album": 7}',
  NUMBER: 'must have no numbers above 1.7976931348623157e308: pass them as strings',
  TOO_LARGE: `must have at most ${MAX_METADATA_BYTES} bytes, as JSON in UTF-8`,
} as const;

export type MetadataFault = keyof typeof METADATA_FAULTS;

/** Returns why `value` cannot be stored and given back as it is; null if it can. */
export function metadataFault(value: unknown): MetadataFault | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'NOT_AN_OBJECT';
  // Level by level, because JSON.stringify is recursive, and would overflow the stack.
  let level: unknown[] = [value];
  for (let levels = 0; level.length > 0; levels += 1) {
    if (levels > MOST_LEVELS) return 'TOO_LARGE';
    // What JSON.parse makes of larger numbers, and JSON.stringify writes as null.
    if (level.some((one) => one === Infinity || one === -Infinity)) return 'NUMBER';
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return Buffer.byteLength(JSON.stringify(value)) > MAX_METADATA_BYTES ? 'TOO_LARGE' : null;
}

/** Akool's `opts`: the landmarks of a face, like `262,175:363,175:313,215:272,279`. */

/** Four points are both eyes, the nose and a corner of the mouth; the fifth is the other corner. */
const MIN_POINTS = 4;
const MAX_POINTS = 5;
const MAX_CHARACTERS = 500;
/** Before blanks and needless digits are removed. */
const MAX_WRITTEN_CHARACTERS = 2000;
/** Pixels. Face detection returns fractions with many digits. */
const NUMBER = /^-?\d{1,6}(?:\.\d{1,20})?$/;
/** As programs write the same: `1.5e-05`, `.5`, `5.`, `+5`, and fractions as long as Java's `BigDecimal`. */
const WRITTEN_NUMBER = /^[-+]?(?:\d{1,6}(?:\.\d{0,100})?|\.\d{1,100})(?:e[-+]?\d{1,3})?$/i;

/** Every reason to refuse `opts`, and what to do. */
export const OPTS_FAULTS = {
  TOO_LONG: `must have at most ${MAX_CHARACTERS} characters: ${MIN_POINTS} or ${MAX_POINTS} points as detectFaces returns them`,
  POINTS: `must be ${MIN_POINTS} or ${MAX_POINTS} points joined by colons, like 262,175:363,175:313,215:272,279 (see detectFaces)`,
  PAIRS:
    'must have two numbers for each point, joined by a comma, like 262,175:363,175:313,215:272,279 (see detectFaces)',
  NUMBERS:
    'must have plain decimal numbers of at most 6 digits before the point, like 262,175:363,175:313.5,215:272,279',
} as const;

export type OptsFault = keyof typeof OPTS_FAULTS;

/** Returns why `text` cannot be sent as `opts`; null if it can. */
export function optsFault(text: string): OptsFault | null {
  const opts = text.length > MAX_WRITTEN_CHARACTERS ? text : toOpts(text);
  if (opts.length > MAX_CHARACTERS) return 'TOO_LONG';
  const points = opts.split(':');
  if (points.length < MIN_POINTS || points.length > MAX_POINTS) return 'POINTS';
  const pairs = points.map((point) => point.split(','));
  if (pairs.some((pair) => pair.length !== 2)) return 'PAIRS';
  return pairs.flat().every((number) => NUMBER.test(number)) ? null : 'NUMBERS';
}

/**
 * Removes the blanks that some programs write around separators (others could join two numbers), and writes numbers as
 * Akool reads them.
 */
export function toOpts(text: string): string {
  const points = text.split(':').map((point) => point.split(',').map((number) => plainNumber(number.trim())));
  return points.map((pair) => pair.join(',')).join(':');
}

/** To 12 decimals: `String` would write small fractions with an exponent. */
function plainNumber(text: string): string {
  if (NUMBER.test(text) || !WRITTEN_NUMBER.test(text)) return text;
  const fixed = Number(text).toFixed(12);
  return fixed.replace(/(?<!0)0+$/, '').replace(/\.$/, '');
}

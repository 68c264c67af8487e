/**
 * The values of an `in (…)`. A statement's text has a place for each of them, and a database keeps what it has
 * prepared for each text: one that grew with its values would be prepared, and kept, once for each number.
 */

/** The same set in a list whose length is a power of two; a value may be in it twice. */
export function inPlaces<T>(values: readonly T[]): readonly T[] {
  const different = [...new Set(values)];
  const last = different.at(-1);
  if (last === undefined) return different;
  let places = 1;
  while (places < different.length) places *= 2;
  return [...different, ...Array<T>(places - different.length).fill(last)];
}

/**
 * The values of an `in (…)`. A statement's text has a placeholder for each value, and a database caches what it has
 * prepared for each text. With lists of any length, it would prepare and cache a statement for each length.
 */

/** Returns the same set as a list whose length is a power of two; one value may be repeated. */
export function inPlaces<T>(values: readonly T[]): readonly T[] {
  const different = [...new Set(values)];
  const last = different.at(-1);
  if (last === undefined) return different;
  let places = 1;
  while (places < different.length) places *= 2;
  return [...different, ...Array<T>(places - different.length).fill(last)];
}

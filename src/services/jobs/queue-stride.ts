/** Returns whether a waiting job moved far enough to be told: by a tenth of its position, and by one at the front. */
export function hasMovedFar(before: number, now: number): boolean {
  return Math.abs(before - now) >= Math.max(1, now / 10);
}

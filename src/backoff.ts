/** Exponential backoff with full jitter: a random time up to a ceiling that doubles with each failure. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #failures = 0;

  constructor(options: { readonly firstMs: number; readonly mostMs: number }) {
    this.#firstMs = options.firstMs;
    this.#mostMs = options.mostMs;
  }

  /** Returns how long to wait, in milliseconds. Each call counts as one more failure. */
  next(): number {
    const ceiling = Math.min(this.#mostMs, this.#firstMs * 2 ** this.#failures);
    if (ceiling < this.#mostMs) this.#failures += 1;
    return Math.random() * ceiling;
  }

  /** Resets the ceiling after a success. */
  reset(): void {
    this.#failures = 0;
  }
}

/**
 * Returns the pause after this many failures, which the store counts, in milliseconds: between half a ceiling and the
 * whole ceiling, which doubles with each failure.
 *
 * @param failures at least 1
 */
export function pauseAfter(
  failures: number,
  { firstMs, mostMs }: { readonly firstMs: number; readonly mostMs: number },
): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** (failures - 1));
  return Math.round(ceiling * (0.5 + Math.random() / 2));
}

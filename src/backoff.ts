/** Exponential backoff with full jitter: a random time up to a ceiling that doubles with each failure. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #failures = 0;

  constructor(options: { readonly firstMs: number; readonly mostMs: number }) {
    this.#firstMs = options.firstMs;
    this.#mostMs = options.mostMs;
  }

  /** How long to wait now, in milliseconds; each call counts as one more failure. */
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
 * The pause after the last of `failures` failures, which the store counts, in milliseconds: from half of a ceiling to all
 * of it. The ceiling doubles with each failure.
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

/** Whether bytes arrive fast enough. Instead of a limit on the time, which large files over slow lines would exceed. */

/** How long nothing may arrive. */
export const SILENCE_MS = 30_000;
/** A quarter of a megabit per second, on average since the beginning. */
export const MIN_BYTES_PER_SECOND = 32 * 1024;

export class Pace {
  readonly #since: number;
  #byteSize = 0;
  #heardAt: number;

  /** @param now monotonic milliseconds, here and below */
  constructor(now: number) {
    this.#since = now;
    this.#heardAt = now;
  }

  /**
   * Returns what is wrong; null if nothing is.
   *
   * @param byteSize how many bytes have arrived
   */
  fault(now: number, byteSize: number): string | null {
    if (byteSize > this.#byteSize) {
      this.#byteSize = byteSize;
      this.#heardAt = now;
    }
    if (now - this.#heardAt > SILENCE_MS) return `Nothing arrived for ${SILENCE_MS / 1000} seconds`;
    const mostMs = SILENCE_MS + (byteSize / MIN_BYTES_PER_SECOND) * 1000;
    return now - this.#since > mostMs
      ? `The bytes arrived too slowly: at least ${MIN_BYTES_PER_SECOND / 1024} KiB per second are needed`
      : null;
  }
}

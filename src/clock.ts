/** The clock that services use. */

export interface Clock {
  /** Milliseconds since 1970, on the clock of all stored times. Jumps when that clock is set. */
  now(): number;
  /** Monotonic milliseconds, for what this process measures or waits for. */
  steady(): number;
  /** Whether the time is about `at`. False if a clock was set and this one has not followed yet. */
  agreesWith(at: number): boolean;
  /**
   * Resolves when this clock has followed the clock of stored times, and due times have been moved with it.
   */
  check(): Promise<void>;
}

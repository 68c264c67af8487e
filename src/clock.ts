/** The clock that services use. */

export interface Clock {
  /** Milliseconds since 1970, on the clock that all stored times use. Jumps when that clock is set. */
  now(): number;
  /** Monotonic milliseconds, for durations within this process. */
  steady(): number;
  /** Whether the time is close to `at`. False if a clock was set and this one has not followed yet. */
  agreesWith(at: number): boolean;
  /** Resolves when this clock has followed the clock of stored times, and due times have been adjusted. */
  check(): Promise<void>;
}

/** The time, as the services ask for it. */

export interface Clock {
  /** Milliseconds since 1970, by the clock that all stored times go by. May jump, when that clock is set. */
  now(): number;
  /** Milliseconds that pass evenly whatever a clock is set to: for what this process measures or waits for. */
  steady(): number;
  /** Whether it is about `at` now. False where a clock was set and this one has not followed yet. */
  agreesWith(at: number): boolean;
  /** Resolves when this clock has followed the one that stored times go by, and those have been moved with it. */
  check(): Promise<void>;
}

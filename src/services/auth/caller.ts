/** Who asks, and what they may. */

export interface Caller {
  /** Whose jobs these are. */
  readonly tenant: string;
  /** When the credentials run out, in milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
  /** A follow token reads and follows this one job, and does nothing else; null: all of the tenant's. */
  readonly onlyJob: string | null;
}

/** Whether the caller may know of this job of their tenant. */
export function mayRead(caller: Caller, jobId: string): boolean {
  return caller.onlyJob === null || caller.onlyJob === jobId;
}

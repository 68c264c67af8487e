/** Who asks, and what they may. */

export interface Caller {
  /** Whose jobs these are. */
  readonly tenant: string;
  /** When the credentials run out, in milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
  /** A follow token reads and follows this one job, and does nothing else; null: all of the tenant's. */
  readonly onlyJob: string | null;
}

/** A browser with a follow token has an allowance of its own, so that it can't use up its tenant's. */
export function allowanceOf({ tenant, onlyJob }: Pick<Caller, 'tenant' | 'onlyJob'>): string {
  return JSON.stringify(onlyJob === null ? [tenant] : [tenant, onlyJob]);
}

/** Whether the caller may know of this job of their tenant. */
export function mayRead(caller: Caller, jobId: string): boolean {
  return caller.onlyJob === null || caller.onlyJob === jobId;
}

/** A caller and its permissions. */

export interface Caller {
  /** The owner of jobs. */
  readonly tenant: string;
  /** When the credentials expire, in milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
  /** With a follow token, the only job that may be read and followed; null: all of the tenant's jobs. */
  readonly onlyJob: string | null;
}

/** Who holds something: a tenant, or one of its follow tokens. */
export type Owner = Pick<Caller, 'tenant' | 'onlyJob'>;

/**
 * The key for rate limits. A follow token has its own allowance, so that a browser can't use up its tenant's.
 */
export function allowanceOf({ tenant, onlyJob }: Owner): string {
  return JSON.stringify(onlyJob === null ? [tenant] : [tenant, onlyJob]);
}

/** Whether the caller may see this job of its tenant. */
export function mayRead(caller: Caller, jobId: string): boolean {
  return caller.onlyJob === null || caller.onlyJob === jobId;
}

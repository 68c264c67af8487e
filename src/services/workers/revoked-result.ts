import type { JobStore } from '../jobs/job-store.js';

/** Whether the job had a result that the submit's answer revoked: a copy of that may be left. */
export async function hadRevokedResult(store: Pick<JobStore, 'histories'>, id: string): Promise<boolean> {
  const history = (await store.histories([id])).get(id) ?? [];
  return history.some(
    ({ status }, i) => status === 'COMPLETED' && (history[i + 1]?.status ?? status) !== 'COMPLETED',
  );
}

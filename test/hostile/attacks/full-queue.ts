import type { Attack } from '../attack.js';
import { aliased, submitMany } from '../requests.js';
import type { Target } from '../target.js';

export const fullQueue: Attack = {
  name: 'full-queue',
  shows: 'a tenant that fills the queue leaves places to others, and canceling it all holds up nobody',
  settings: () => ({ RATE_MUTATIONS_PER_MINUTE: '0', QUEUE_LIMIT: '10000', SUBMIT_WAIT_MS: '0' }),
  run: async (target) => {
    // More than the queue's limit.
    await submitMany(target, target.pick(10_500, 600));
    await cancelAll(target);
    return [];
  },
};

interface WaitingJobs {
  readonly edges: readonly { readonly node: { readonly id: string } }[];
}

async function cancelAll(target: Target): Promise<void> {
  for (;;) {
    const { data } = await target.ask({
      query: '{ jobs(last: 50, filter: { status: [WAITING] }) { edges { node { id } } } }',
    });
    const waiting = (data?.['jobs'] as WaitingJobs | undefined)?.edges ?? [];
    if (waiting.length === 0) return;
    const cancels = aliased(waiting.length, (i) => `cancelJob(id: "${waiting[i]?.node.id}") { id }`);
    await target.ask({ query: `mutation { ${cancels} }` });
  }
}

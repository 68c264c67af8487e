/** A separate process that writes jobs until it is killed, and reports each one once it is acknowledged. */
import { transition } from '../../../src/services/jobs/transition.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { HOUR, NOON, newJobOf } from '../../support/samples.js';

const file = process.argv[2] ?? '';
const store = createKyselyJobStore(() => openSqlite(file));
await store.start();
process.stdout.write('open\n');

await Promise.all(Array.from({ length: 8 }, (_, i) => write(`tenant-${i}`)));

async function write(tenant: string): Promise<void> {
  for (;;) {
    const created = await store.create(newJobOf(tenant), 1_000_000);
    if (created.kind !== 'created') throw new Error(created.kind);
    acknowledge(created.job.id, 1);
    const leased = await store.lease(1_000_000, NOON, (job) =>
      transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }),
    );
    for (const job of leased) acknowledge(job.id, job.version);
  }
}

function acknowledge(id: string, version: number): void {
  process.stdout.write(`${id} ${version}\n`);
}

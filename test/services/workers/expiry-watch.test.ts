/** Results that are not kept and are about to be deleted appear in the log and in the metrics. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../src/services/jobs/job-event.js';
import { ExpiryWatch } from '../../../src/services/workers/expiry-watch.js';
import { HOUR } from '../../support/samples.js';
import { openWorkshop, type Workshop } from '../../support/workshop.js';

const DAY = 24 * HOUR;
let stop: (() => Promise<void>) | undefined;

afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** A job whose result Akool deletes in seven days. */
async function completed(workshop: Workshop, providerId: string, keep: boolean): Promise<string> {
  const { id } = await workshop.atProvider(providerId);
  const at = workshop.clock.now();
  const event: JobEvent = {
    type: 'reported',
    at,
    pollAt: at,
    deadlineAt: at + HOUR,
    source: 'POLL',
    providerId,
    report: { status: 'COMPLETED', url: 'https://example.com/r.png', expiresAt: at + 7 * DAY, keep },
  };
  await workshop.jobs.apply(id, event);
  return id;
}

function watch(workshop: Workshop): {
  lines: Record<string, unknown>[];
  count: () => Promise<number | undefined>;
} {
  const lines: Record<string, unknown>[] = [];
  const registry = new Registry();
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const expiry = new ExpiryWatch({ ...workshop, registry, log });
  expiry.start();
  stop = () => expiry.stop();
  const count = async (): Promise<number | undefined> => {
    const metric = await registry.getSingleMetric('faceswap_results_expiring')?.get();
    return metric?.values[0]?.value;
  };
  return { lines, count };
}

describe('a result that Akool is about to delete', () => {
  it('is warned about on its last day, by the name of its job', async () => {
    const workshop = await openWorkshop();
    const id = await completed(workshop, 'p1', false);
    workshop.clock.advance(6 * DAY + HOUR);
    const { lines, count } = watch(workshop);
    await expect.poll(() => lines).toMatchObject([{ level: 40, count: 1, jobs: [id] }]);
    expect(await count()).toBe(1);
  });

  it.each([
    ['has days left', 5 * DAY, false],
    ['is gone already', 8 * DAY, false],
    ['is kept', 6 * DAY + HOUR, true],
    ['was deleted', 6 * DAY + HOUR, 'deleted'],
  ] as const)('is not when it %s', async (_what, age, ending) => {
    const workshop = await openWorkshop();
    const id = await completed(workshop, 'p1', true);
    const at = workshop.clock.now();
    const archive = { name: 'a.png', contentType: 'image/png', byteSize: 1, sha256: 'x' };
    if (ending === true) await workshop.jobs.apply(id, { type: 'archived', at, archive });
    if (ending === 'deleted') await workshop.jobs.apply(id, { type: 'deleted', at });
    workshop.clock.advance(age);
    const { lines, count } = watch(workshop);
    expect(await count()).toBe(0);
    await stop?.();
    expect(lines).toEqual([]);
  });
});

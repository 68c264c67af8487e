import { expect, onTestFinished, test, vi } from 'vitest';
import { Backoff } from '../../../src/backoff.js';
import type { Job } from '../../../src/services/jobs/job.js';
import { Reading } from '../../../src/services/jobs/reading.js';
import { Gate, until } from '../../support/gate.js';
import { jobWith } from '../../support/samples.js';

function openReading(parallel: number, read: (id: string) => Promise<Job>) {
  const taken: (Job | null)[] = [];
  const reading = new Reading({ read, take: (job) => taken.push(job), fail: () => {}, parallel });
  onTestFinished(() => reading.stop());
  return { reading, taken };
}

test('what is wanted again while it is read is read once more: the read may have been of before', async () => {
  const gate = new Gate();
  let stored = jobWith({ version: 1 });
  const { reading, taken } = openReading(1, async () => {
    const job = stored;
    await gate.pass();
    return job;
  });
  reading.want('id');
  await gate.arrived();
  stored = { ...stored, version: 2 };
  reading.want('id');
  gate.open();
  await until(() => taken.length === 2);
  expect(taken.map((job) => job?.version)).toEqual([1, 2]);
});

test('many are read so many at a time, each once', async () => {
  let underWay = 0;
  let most = 0;
  const { reading, taken } = openReading(3, async (id) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return jobWith({ id });
  });
  const ids = Array.from({ length: 10 }, (_, nth) => `${nth}`);
  for (const id of ids) reading.want(id);
  await until(() => taken.length === ids.length);
  expect(taken.map((job) => job?.id).sort()).toEqual(ids);
  expect(most).toBe(3);
});

test('between reads that are answered at once, others are served', async () => {
  const served: string[] = [];
  const { reading, taken } = openReading(1, async (id) => {
    served.push(id);
    return jobWith({ id });
  });
  setImmediate(() => served.push('another'));
  for (const id of ['a', 'b', 'c']) reading.want(id);
  await until(() => taken.length === 3);
  expect(served).toEqual(['a', 'another', 'b', 'c']);
});

test('what cannot be read is read again ever later, and after a success as soon as at first', async () => {
  const random = vi.spyOn(Math, 'random').mockReturnValue(1 / 100);
  const pause = vi.spyOn(Backoff.prototype, 'next');
  onTestFinished(() => {
    random.mockRestore();
    pause.mockRestore();
  });
  let failures = 3;
  const { reading, taken } = openReading(1, async (id) => {
    failures -= 1;
    if (failures >= 0) throw new Error('away');
    return jobWith({ id });
  });
  reading.want('one');
  await until(() => taken.length === 1);
  failures = 1;
  reading.want('two');
  await until(() => taken.length === 2);
  expect(pause.mock.results.map(({ value }) => value)).toEqual([1, 2, 4, 1]);
});

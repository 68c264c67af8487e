import { expect, test } from 'vitest';
import { createInProcessJobBus } from '../../../src/services/bus/in-process-job-bus.js';
import { jobWith } from '../../support/samples.js';
import { describeJobBus } from './job-bus.contract.js';

describeJobBus('one process', createInProcessJobBus);

test('an event costs what its own followers cost, however many follow other jobs', async () => {
  const bus = createInProcessJobBus();
  let calls = 0;
  const count = () => {
    calls += 1;
  };
  await Promise.all(Array.from({ length: 5000 }, (_, i) => bus.followJob(`job-${i}`, count)));
  await bus.followJob('job-7', count);
  bus.publish(jobWith({ id: 'job-7' }));
  expect(calls).toBe(2);
  await bus.stop();
});

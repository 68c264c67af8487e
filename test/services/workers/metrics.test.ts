import { expect, it } from 'vitest';
import { createRegistry } from '../../../src/services/workers/metrics.js';

it('The metrics of the process are collected once, whatever the number of gateways', async () => {
  const [first, second] = [createRegistry(), createRegistry()];
  // Its observer can't be stopped, and would keep a gateway in memory.
  const collection = 'nodejs_gc_duration_seconds';
  expect(first.getSingleMetric(collection)).toBeDefined();
  expect(second.getSingleMetric(collection)).toBe(first.getSingleMetric(collection));
  expect(await second.metrics()).toContain('process_cpu_user_seconds_total ');
});

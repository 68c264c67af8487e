/** The bus over Redis: the common contract, and what requires several instances. */
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRedisJobBus } from '../../../src/services/bus/redis-job-bus.js';
import type { JobBus, JobSignal } from '../../../src/services/jobs/job-bus.js';
import { freePort } from '../../support/free-port.js';
import { until } from '../../support/gate.js';
import { OwnRedis } from '../../support/own-redis.js';
import { jobWith } from '../../support/samples.js';
import { redisUrl } from '../../support/services.js';
import { describeJobBus } from './job-bus.contract.js';

const redis = await redisUrl();
// A separate Redis, because its connections are cut.
const own = new OwnRedis(await freePort());
const open = () => createRedisJobBus({ url: own.url, prefix: 'faceswap', log: pino({ level: 'silent' }) });

describe.skipIf(redis === null)('over Redis', () => {
  beforeAll(() => own.start());
  afterAll(() => own.stop());

  describeJobBus('Redis', open);

  describe('two instances', () => {
    let here: JobBus;
    let there: JobBus;
    let admin: Redis;

    beforeEach(async () => {
      here = open();
      there = open();
      admin = new Redis(own.url);
      await Promise.all([here.start(), there.start()]);
    });
    afterEach(async () => {
      await Promise.all([here.stop(), there.stop()]);
      admin.disconnect();
    });

    const subscribers = async (channel: string) => Number((await admin.pubsub('NUMSUB', channel))[1]);

    test('wake each other with the version alone, and themselves with the job', async () => {
      const job = jobWith({ tenant: 'ann', version: 3 });
      const heardHere: JobSignal[] = [];
      const heardThere: JobSignal[] = [];
      await here.followJob(job.id, (signal) => heardHere.push(signal));
      await there.followTenant('ann', (signal) => heardThere.push(signal));
      here.publish(job);
      await until(() => heardThere.length > 0);
      expect(heardThere).toEqual([{ id: job.id, version: 3, job: null, isReminder: false }]);
      // Its own message also comes back from Redis, but is not delivered twice.
      expect(heardHere).toEqual([{ id: job.id, version: 3, job, isReminder: false }]);
    });

    test('subscribe to a channel only while somebody listens', async () => {
      const { id } = jobWith();
      const channel = `faceswap:job:${id}`;
      expect(await subscribers(channel)).toBe(0);
      const first = await here.followJob(id, () => {});
      const second = await here.followJob(id, () => {});
      expect(await subscribers(channel)).toBe(1);
      first();
      first();
      expect(await subscribers(channel)).toBe(1);
      second();
      await until(async () => (await subscribers(channel)) === 0);
    });

    test('tell of a gap once a lost connection listens again', async () => {
      const job = jobWith();
      const heard: JobSignal[] = [];
      let gaps = 0;
      await there.followJob(job.id, (signal) => heard.push(signal));
      const count = () => {
        gaps += 1;
      };
      there.onGap(count);
      // A listener that has left is not notified.
      there.onGap(() => count())();
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await until(() => gaps > 0);
      here.publish({ ...job, version: 9 });
      await until(() => heard.some(({ version }) => version === 9));
      expect(gaps).toBe(1);
    });

    test('pass over what others publish on their channels', async () => {
      const job = jobWith();
      const heard: JobSignal[] = [];
      await there.followJob(job.id, (signal) => heard.push(signal));
      for (const text of ['', 'null', '{', '[]', '{"from":1}', '{"from":"x","id":"y"}']) {
        await admin.publish(`faceswap:job:${job.id}`, text);
      }
      here.publish({ ...job, version: 2 });
      await until(() => heard.length > 0);
      expect(heard.map(({ version }) => version)).toEqual([2]);
    });
  });
});

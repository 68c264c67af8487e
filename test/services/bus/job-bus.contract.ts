/** The contract of every job bus, run over each driver. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobBus, JobListener, JobSignal } from '../../../src/services/jobs/job-bus.js';
import { until } from '../../support/gate.js';
import { jobWith } from '../../support/samples.js';
import { noting, unusedOf } from '../../support/used-members.js';

/** @param open returns a bus that is not started yet */
export function describeJobBus(name: string, open: () => Promise<JobBus> | JobBus): void {
  describe(`the job bus over ${name}`, () => {
    let driver: JobBus;
    let bus: JobBus;
    const called = new Set<PropertyKey>();

    beforeEach(async () => {
      driver = await open();
      bus = noting(driver, called);
      await bus.start();
    });
    afterEach(() => bus.stop());

    /** A listener, and the signals it has received. */
    function listener(): { heard: JobSignal[]; hear: JobListener } {
      const heard: JobSignal[] = [];
      return { heard, hear: (signal) => heard.push(signal) };
    }

    const ann = jobWith({ tenant: 'ann' });
    const other = jobWith({ tenant: 'ann' });
    const bob = jobWith({ tenant: 'bob' });

    /** Resolves when everything published so far has reached all listeners. */
    async function delivered(): Promise<void> {
      const last = jobWith({ tenant: 'last' });
      const { heard, hear } = listener();
      const leave = await bus.followJob(last.id, hear);
      bus.publish(last);
      await until(() => heard.length > 0);
      leave();
    }

    test('tells followers of a job of its new versions, in order', async () => {
      const { heard, hear } = listener();
      await bus.followJob(ann.id, hear);
      for (let version = 2; version <= 20; version++) bus.publish({ ...ann, version });
      await until(() => heard.length >= 19);
      expect(heard.map(({ version }) => version)).toEqual(Array.from({ length: 19 }, (_, i) => i + 2));
      for (const signal of heard) expect(signal).toMatchObject({ id: ann.id, isReminder: false });
    });

    test('carries the job as it was published, or no job', async () => {
      const { heard, hear } = listener();
      await bus.followJob(ann.id, hear);
      bus.publish({ ...ann, version: 2 });
      await until(() => heard.length === 1);
      expect([null, { ...ann, version: 2 }]).toContainEqual(heard[0]?.job);
    });

    test("tells nobody of other jobs, nor of other tenants'", async () => {
      const job = listener();
      const tenant = listener();
      await bus.followJob(ann.id, job.hear);
      await bus.followTenant('ann', tenant.hear);
      for (const published of [bob, other, ann]) bus.publish(published);
      await delivered();
      expect(job.heard.map(({ id }) => id)).toEqual([ann.id]);
      expect(tenant.heard.map(({ id }) => id)).toEqual([other.id, ann.id]);
    });

    test('keeps jobs and tenants of the same name apart', async () => {
      const { heard, hear } = listener();
      await bus.followJob('ann', hear);
      await bus.followTenant(ann.id, hear);
      bus.publish(ann);
      await delivered();
      expect(heard).toEqual([]);
    });

    test('tells each of many followers, also one who follows twice', async () => {
      const { heard, hear } = listener();
      const leave = await bus.followJob(ann.id, hear);
      await bus.followJob(ann.id, hear);
      bus.publish(ann);
      await until(() => heard.length === 2);
      leave();
      bus.publish(ann);
      await until(() => heard.length === 3);
      await delivered();
      expect(heard).toHaveLength(3);
    });

    test('tells a follower nothing after it left, and lets it leave twice without harm to others', async () => {
      const gone = listener();
      const staying = listener();
      const leave = await bus.followJob(ann.id, gone.hear);
      await bus.followJob(ann.id, staying.hear);
      leave();
      leave();
      bus.publish(ann);
      await until(() => staying.heard.length === 1);
      expect(gone.heard).toEqual([]);
    });

    test('tells a follower who came back while the last one of its topic was leaving', async () => {
      for (let i = 0; i < 20; i++) {
        const first = listener();
        const second = listener();
        const leave = await bus.followJob(ann.id, first.hear);
        leave();
        const leaveAgain = await bus.followJob(ann.id, second.hear);
        bus.publish(ann);
        await until(() => second.heard.length === 1);
        leaveAgain();
      }
      expect(bus.followedJobs()).toEqual([]);
    });

    test('lets listeners leave and join while they are told', async () => {
      const late = listener();
      const { heard, hear } = listener();
      const leave = await bus.followJob(ann.id, () => {
        leave();
        void bus.followJob(ann.id, late.hear);
      });
      await bus.followJob(ann.id, hear);
      bus.publish(ann);
      await until(() => heard.length === 1);
      await delivered();
      bus.publish(ann);
      await until(() => heard.length === 2 && late.heard.length >= 1);
      expect(late.heard.length).toBeLessThanOrEqual(2);
    });

    test('knows which jobs are followed here', async () => {
      expect(bus.followedJobs()).toEqual([]);
      const leaves = [
        await bus.followJob(ann.id, () => {}),
        await bus.followJob(ann.id, () => {}),
        await bus.followJob(bob.id, () => {}),
        await bus.followTenant('ann', () => {}),
      ];
      expect([...bus.followedJobs()].sort()).toEqual([ann.id, bob.id].sort());
      for (const leave of leaves) leave();
      expect(bus.followedJobs()).toEqual([]);
    });

    test('knows which tenants are followed here', async () => {
      expect(bus.followedTenants()).toEqual([]);
      const leaves = [
        await bus.followTenant('ann', () => {}),
        await bus.followTenant('ann', () => {}),
        await bus.followTenant('bob', () => {}),
        await bus.followJob(ann.id, () => {}),
      ];
      expect([...bus.followedTenants()].sort()).toEqual(['ann', 'bob']);
      for (const leave of leaves) leave();
      expect(bus.followedTenants()).toEqual([]);
    });

    test('reminds the followers of a job, or those of a tenant, and says that it is a reminder', async () => {
      const job = listener();
      const tenant = listener();
      const leaves = [await bus.followJob(ann.id, job.hear), await bus.followTenant('ann', tenant.hear)];
      bus.remindOfJob(ann.id, 7);
      bus.remindOfJob(other.id, 7);
      bus.remindTenant('ann', { id: other.id, place: { number: 3, at: 0 }, job: other });
      bus.remindTenant('bob', { id: bob.id, place: { number: 4, at: 0 }, job: bob });
      bus.remindTenant('ann', { id: 'deleted', place: { number: 5, at: 0 }, job: null });
      await delivered();
      expect(job.heard).toEqual([{ id: ann.id, version: 7, job: null, isReminder: true }]);
      const { id, version } = other;
      expect(tenant.heard).toEqual([
        { id, version, job: other, isReminder: true, change: 3 },
        { id: 'deleted', version: Number.POSITIVE_INFINITY, job: null, isReminder: true, change: 5 },
      ]);
      for (const leave of leaves) leave();
    });

    test('publishes to nobody without complaint, and the same after it stopped', async () => {
      expect(() => bus.publish(ann)).not.toThrow();
      const { heard, hear } = listener();
      await bus.followJob(ann.id, hear);
      await bus.stop();
      expect(() => bus.publish(ann)).not.toThrow();
      expect(heard).toEqual([]);
    });

    test('is up once it is started, and stops twice', async () => {
      expect(bus.health()).toEqual({ isUp: true });
      await Promise.all([bus.stop(), bus.stop()]);
      await expect(bus.stop()).resolves.toBeUndefined();
    });

    test('lets those who want to know of gaps leave', () => {
      const leave = bus.onGap(() => {});
      expect(() => {
        leave();
        leave();
      }).not.toThrow();
    });

    test('no method of a bus is left out of these tests', () => {
      expect(unusedOf(driver, called)).toEqual([]);
    });
  });
}

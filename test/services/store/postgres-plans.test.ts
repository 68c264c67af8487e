/** Which indexes PostgreSQL can use for frequent queries, which would otherwise read all jobs. */
import { PostgresQueryCompiler } from 'kysely';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transition } from '../../../src/services/jobs/transition.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { HOUR, NOON, newJobOf } from '../../support/samples.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../support/services.js';
import { QueryRecorder } from './query-recorder.js';

const url = await postgresUrl();

describe.skipIf(url === null)('over PostgreSQL, by an index are found', () => {
  let database: TestDatabase;
  let store: ReturnType<typeof createKyselyJobStore>;
  let client: Client;
  let recorder: QueryRecorder;

  beforeAll(async () => {
    database = await withDatabase(url ?? '');
    recorder = new QueryRecorder();
    store = createKyselyJobStore(async () => {
      const opened = await openPostgres(database.url, { poolSize: 2, log: pino({ level: 'silent' }) });
      return {
        ...opened,
        db: opened.db.withPlugin(recorder),
        write: (work, options) => opened.write((trx) => work(trx.withPlugin(recorder)), options),
      };
    });
    await store.start();
    await store.create(newJobOf('ann'), 1000);
    client = new Client({ connectionString: database.url });
    await client.connect();
    // Tables this small would be scanned; and the plan must be generic, because no values are given.
    await client.query('set enable_seqscan = off; set plan_cache_mode = force_generic_plan');
  });
  afterAll(async () => {
    await client.end();
    await store.stop();
    await database.drop();
  });

  async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
    recorder.queries.length = 0;
    await work();
    const plans: string[] = [];
    for (const node of recorder.queries.splice(0).filter(({ kind }) => kind === 'SelectQueryNode')) {
      const { sql, parameters } = new PostgresQueryCompiler().compileQuery(node, { queryId: 'plan' });
      const values = parameters.length === 0 ? '' : `(${parameters.map(() => 'null').join(', ')})`;
      await client.query(`prepare asked as ${sql}`);
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain execute asked${values}`);
      await client.query('deallocate asked');
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    expect(plans.length).toBeGreaterThan(0);
    return plans;
  }

  test.each<[string, RegExp, () => Promise<unknown>]>([
    ['results to be kept', /using jobs_archive/, () => store.claimArchives(NOON, NOON, 4)],
    ['jobs to be erased', /using jobs_erase/, () => store.claimErasures(NOON, NOON, 4)],
    ['due polls', /using jobs_poll/, () => store.claimPolls(NOON, () => NOON, 50)],
    ['jobs past their deadline', /using jobs_deadline/, () => store.pastDeadline(['WAITING'], NOON, 500)],
    ['abandoned jobs', /jobs_open/, () => store.abandoned(NOON, 100)],
    ['jobs that finished long ago', /using jobs_finished/, () => store.finishedBefore(NOON, 100)],
    [
      'changes of a tenant, and their jobs',
      /job_changes_tenant|jobs_id_key/,
      () => store.readChanges('ann', 0, 500),
    ],
    ['the number of changes of a tenant', /job_changes_tenant/, () => store.countChanges('ann', 0, 1000)],
    ['the last change', /job_changes_pkey/, () => store.lastChange()],
    ['a change', /job_changes_pkey/, () => store.hasChange({ number: 1, at: NOON })],
    ['the first of the queue', /jobs_open/, () => store.firstInQueue(['ann'], 100)],
    ['jobs that wait', /jobs_id_key|jobs_open/, () => store.waitingJobs(['id'])],
    ['uploads that expire', /using uploads_expiry/, () => store.uploads.expire(NOON, HOUR, 100)],
    ['uploads to be erased', /using uploads_erase/, () => store.uploads.claimErasures(NOON, NOON, 9)],
    ['the uploads of a job', /job_uploads_job/, () => store.uploads.release(['id'], NOON)],
    ['the job of a webhook address', /jobs_callback_token_key/, () => store.getByCallbackToken('token')],
  ])('%s', async (_what, index, work) => {
    for (const plan of await plansOf(work)) {
      expect(plan).toMatch(index);
      expect(plan).not.toContain('Seq Scan');
    }
  });

  test.each(['forward', 'backward'] as const)('a page of jobs in several statuses, %s', async (direction) => {
    const filter = { status: ['FAILED', 'WAITING', 'COMPLETED'], createdAfter: NOON - 1 } as const;
    for (const plan of await plansOf(() => store.list('ann', filter, { limit: 1, direction }))) {
      expect(plan.match(/using jobs_status/g)).toHaveLength(3);
      expect(plan).not.toMatch(/Seq Scan|-> +Sort/);
    }
  });

  test.each([
    [{ reference: 'order 66' }, 8],
    [{ reference: 'order 66', status: ['FAILED', 'WAITING'], createdAfter: NOON - 1 }, 2],
  ] as const)('a page of the jobs of a reference: %j', async (filter, statuses) => {
    for (const plan of await plansOf(() => store.list('ann', filter, { limit: 1, direction: 'forward' }))) {
      expect(plan.match(/using jobs_reference/g)).toHaveLength(statuses);
      expect(plan).not.toMatch(/Seq Scan|-> +Sort/);
    }
  });

  test('the next to be leased', async () => {
    const leaseAll = () =>
      store.lease(1000, NOON, (job) =>
        transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }),
      );
    const plans = await plansOf(leaseAll);
    expect(plans.join('\n')).toContain('jobs_open');
    for (const plan of plans) expect(plan).not.toMatch(/Seq Scan on jobs/);
  });
});

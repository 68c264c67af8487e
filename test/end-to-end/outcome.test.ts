/** GraphQL `errors` mean that no job exists, even while connections to PostgreSQL keep breaking. */
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask, type ClientError, dataOf, oneFace, submit } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { CANCEL, SUBMIT } from '../support/operations.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../support/services.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const postgres = await postgresUrl();

describe.skipIf(postgres === null)('the outcome of a mutation', { timeout: 120_000 }, () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let gateway: TestGateway;

  beforeEach(async () => {
    database = await withDatabase(postgres ?? '');
    proxy = await startProxy(database.url);
    gateway = await startGateway({
      env: { DATABASE_URL: proxy.url, SUBMIT_WAIT_MS: '200', AKOOL_MAX_CONCURRENCY: '20' },
    });
  });
  afterEach(async () => {
    await gateway.stop();
    await proxy.stop();
    await database.drop();
  });

  /** Ids of stored jobs by the number they were submitted with. */
  async function stored(): Promise<Map<string, string[]>> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ id: string; request: string }>('select id, request from jobs');
    await client.end();
    const byNumber = new Map<string, string[]>();
    for (const { id, request } of rows) {
      const number = /\?n=(\d+)/.exec(request)?.[1] ?? '';
      byNumber.set(number, [...(byNumber.get(number) ?? []), id]);
    }
    return byNumber;
  }

  /** Returns the job's id, or null with the error in `refused`. */
  async function submitted(n: number, refused: Map<string, ClientError>): Promise<string | null> {
    const { body } = await ask<{ submitFaceSwap: { job: { id: string } } }, object>(
      gateway.url,
      'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
      { input: oneFace({}, `?n=${n}`) },
    );
    const [error] = body.errors ?? [];
    if (error !== undefined) refused.set(String(n), error);
    return body.data?.submitFaceSwap.job.id ?? null;
  }

  test('of submits without a key is told right, though connections are cut every 400 ms and amid commits', async () => {
    const cutting = setInterval(() => proxy.cut(), 400);
    let commits = 0;
    proxy.toClient = (bytes) => {
      if (!bytes.includes('COMMIT\0')) return 'pass';
      commits += 1;
      return commits % 4 === 0 ? 'cut' : 'pass';
    };
    const answered = new Map<string, string>();
    const refused = new Map<string, ClientError>();
    const customer = async (from: number): Promise<void> => {
      for (let n = from; n < from + 15; n += 1) {
        const job = await submitted(n, refused);
        if (job !== null) answered.set(String(n), job);
      }
    };
    await Promise.all([0, 15, 30, 45, 60, 75].map(customer));
    clearInterval(cutting);
    proxy.toClient = () => 'pass';
    const jobs = await stored();
    for (const [n, id] of answered) expect(jobs.get(n)).toEqual([id]);
    for (const [n, error] of refused) {
      expect(error.extensions).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      if (error.extensions?.outcome !== 'UNKNOWN') expect(jobs.has(n)).toBe(false);
    }
    expect(answered.size + refused.size).toBe(90);
    process.stdout.write(`answered ${answered.size}, refused ${refused.size}\n`);
  });

  test('that cannot be found out in time is UNKNOWN, and the same key gives the job that was made', async () => {
    const input = oneFace({ idempotencyKey: 'once' });
    let isCut = false;
    proxy.toClient = (bytes) => {
      if (isCut || !bytes.includes('COMMIT\0')) return 'pass';
      isCut = true;
      void proxy.become('away');
      return 'cut';
    };
    const begun = performance.now();
    const { body } = await ask(gateway.url, SUBMIT, { input });
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(body.data ?? null).toBeNull();
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'STORE_UNAVAILABLE', outcome: 'UNKNOWN' });
    expect(body.errors?.[0]?.message).toContain('idempotencyKey');
    proxy.toClient = () => 'pass';
    await proxy.become('on');
    const { submitFaceSwap } = await dataOf(ask(gateway.url, SUBMIT, { input }));
    expect(submitFaceSwap.deduplicated).toBe(true);
  });

  test('of a cancellation or a deletion whose commit was not acknowledged is told as if nothing had been', async () => {
    await gateway.stop();
    gateway = await startGateway({
      env: { DATABASE_URL: proxy.url, AKOOL_MAX_CONCURRENCY: '1', SUBMIT_WAIT_MS: '0' },
      sandbox: { queueMs: 60_000 },
    });
    await submit(gateway.url);
    const { id } = await submit(gateway.url);

    let isLost = loseCommitOfAJob();
    const { cancelJob } = await dataOf(ask(gateway.url, CANCEL, { id }));
    expect([cancelJob.status, isLost()]).toEqual(['CANCELED', true]);
    isLost = loseCommitOfAJob();
    const answer = await dataOf(ask(gateway.url, `mutation { deleteJob(id: "${id}") }`));
    expect([answer, isLost()]).toEqual([{ deleteJob: id }, true]);
  });

  /** Loses the acknowledgement of the next commit that changes a job; returns whether there was one. */
  function loseCommitOfAJob(): () => boolean {
    let state: 'waiting' | 'changing' | 'lost' = 'waiting';
    proxy.toServer = (bytes) => {
      if (state === 'waiting' && /update "jobs" set .*"version" = /.test(bytes.toString('latin1')))
        state = 'changing';
      return 'pass';
    };
    proxy.toClient = (bytes) => {
      if (state !== 'changing' || !bytes.includes('COMMIT\0')) return 'pass';
      state = 'lost';
      return 'cut';
    };
    return () => state === 'lost';
  }
});

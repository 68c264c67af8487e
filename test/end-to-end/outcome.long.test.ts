/** GraphQL `errors` mean that no job exists, also while connections to PostgreSQL break all the time. */
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

  /** The number that each stored job was submitted with, and its id. */
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

  /** The id of the job; null, and the error among `refused`, when there is none. */
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
    const isCut = loseCommitAfter(/insert into "jobs" /, () => void proxy.become('away'));
    const begun = performance.now();
    const { body } = await ask(gateway.url, SUBMIT, { input });
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect(body.data ?? null).toBeNull();
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'STORE_UNAVAILABLE', outcome: 'UNKNOWN' });
    expect(body.errors?.[0]?.message).toContain('idempotencyKey');
    expect(isCut()).toBe(true);
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

    const change = /update "jobs" set .*"version" = /;
    let isLost = loseCommitAfter(change);
    const { cancelJob } = await dataOf(ask(gateway.url, CANCEL, { id }));
    expect([cancelJob.status, isLost()]).toEqual(['CANCELED', true]);
    isLost = loseCommitAfter(change);
    const answer = await dataOf(ask(gateway.url, `mutation { deleteJob(id: "${id}") }`));
    expect([answer, isLost()]).toEqual([{ deleteJob: id }, true]);
  });

  /**
   * Loses the answer to the commit that ends the first transaction with this statement.
   *
   * @param then is called as it is lost
   * @returns whether it was lost
   */
  function loseCommitAfter(statement: RegExp, then = (): void => {}): () => boolean {
    let changing: object | null = null;
    let isLost = false;
    proxy.toServer = (bytes, connection) => {
      if (statement.test(bytes.toString('latin1'))) changing ??= connection;
      return 'pass';
    };
    proxy.toClient = (bytes, connection) => {
      // Other connections have commits of their own, like that of the heartbeat.
      if (isLost || changing !== connection || !bytes.includes('COMMIT\0')) return 'pass';
      isLost = true;
      then();
      return 'cut';
    };
    return () => isLost;
  }
});

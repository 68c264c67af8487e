/** Failover: the standby is promoted, the old primary returns as a standby, and the database URL follows. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask, dataOf, oneFace } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { OwnPostgres, postgresPrograms } from '../support/own-postgres.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

if (postgresPrograms() === null && process.env['CI']) throw new Error('no PostgreSQL server is installed');

const SUBMIT = 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }';

describe.skipIf(postgresPrograms() === null)('after a failover', { timeout: 120_000 }, () => {
  let first: OwnPostgres;
  let second: OwnPostgres;
  let address: TcpProxy;
  let gateway: TestGateway;

  beforeEach(async () => {
    first = await OwnPostgres.primary();
    second = await OwnPostgres.standbyOf(first);
    address = await startProxy(first.url);
    gateway = await startGateway({ env: { DATABASE_URL: address.url, SUBMIT_WAIT_MS: '0' } });
  }, 60_000);
  afterEach(async () => {
    await gateway.stop();
    await address.stop();
    await Promise.all([first.remove(), second.remove()]);
  });

  /** The job's id, or the error's code. */
  async function submitted(n: number): Promise<string> {
    const { body } = await ask<{ submitFaceSwap: { job: { id: string } } }, object>(gateway.url, SUBMIT, {
      input: oneFace({ idempotencyKey: `n${n}` }),
    });
    return body.data?.submitFaceSwap.job.id ?? body.errors?.[0]?.extensions?.code ?? '';
  }

  const readiness = async () => (await fetch(`${gateway.url}/readyz`)).status;

  test('everything goes to the new primary, also from connections that lead to the old one', async () => {
    const before = await submitted(1);
    await first.stop();
    await second.promote();
    first.follow(second);
    await first.start();

    // The URL still leads to the former primary, which answers reads and refuses writes.
    expect(await submitted(2)).toBe('STORE_UNAVAILABLE');
    const look = await ask(gateway.url, `{ job(id: "${before}") { id } }`);
    expect(look.body.errors?.[0]?.extensions?.code).toBe('STORE_UNAVAILABLE');
    expect(await readiness()).toBe(503);

    address.target = second.url;
    await expect.poll(readiness, { timeout: 15_000 }).toBe(200);
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => submitted(i)));
    for (const id of ids) {
      expect((await dataOf(ask(gateway.url, `{ job(id: "${id}") { id } }`))) as unknown).toEqual({
        job: { id },
      });
    }
    const stored = await second.ask<{ id: string }>('select id from jobs');
    expect(new Set(stored.map(({ id }) => id))).toEqual(new Set([...ids, before]));
    // No connection of the gateway to the former primary is left.
    const left = `select pid from pg_stat_activity where application_name = 'face-swap-gateway'`;
    expect(await first.ask(left)).toEqual([]);
  });

  test('a database that refuses writes without ending sessions is noticed, and left as soon as it may be', async () => {
    await submitted(1);
    await first.ask('alter system set default_transaction_read_only = on');
    await first.ask('select pg_reload_conf()');
    await expect.poll(readiness, { timeout: 15_000 }).toBe(503);
    expect(await submitted(2)).toBe('STORE_UNAVAILABLE');
    await first.ask('alter system reset default_transaction_read_only');
    await first.ask('select pg_reload_conf()');
    await expect.poll(readiness, { timeout: 15_000 }).toBe(200);
    expect(await submitted(2)).toMatch(/^[0-9a-f-]{36}$/);
  });
});

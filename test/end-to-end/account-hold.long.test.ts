/** An account that runs out of credit, or that Akool refuses: no job is lost, and none is sent in vain. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.js';
import type { FaultPlan } from '../../src/sandbox/sandbox.js';
import { ask, dataOf, errorOf, follow, lookUp, oneFace, submit, upTo } from '../support/caller.js';
import {
  clockAhead,
  type GatewayOptions,
  recordedLog,
  startGateway,
  type TestGateway,
} from '../support/harness.js';
import { type SeenJob, SUBMIT } from '../support/operations.js';

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A wall clock that tests can set forward, to skip pauses of minutes. */
function daytime(): Daytime {
  let aheadMs = 0;
  return {
    ...clockAhead(() => aheadMs),
    skip: (ms) => {
      aheadMs += ms;
    },
  };
}

interface Daytime extends Clock {
  skip(ms: number): void;
}

const MINUTE = 60_000;

interface HeldGateway extends TestGateway {
  readonly clock: Daytime;
  readonly lines: Record<string, unknown>[];
}

async function start(options: GatewayOptions = {}): Promise<HeldGateway> {
  const clock = daytime();
  const { log, lines } = recordedLog();
  const gateway = await startGateway({ ...options, overrides: { clock, log, ...options.overrides } });
  ends.push(() => gateway.stop());
  return { ...gateway, clock, lines };
}

/** Every call is refused with this code until the plan changes. */
function refusing(code: number): FaultPlan {
  return { rates: { submit: { refuse: 1 }, credit: { refuse: 1 } }, defaults: { code } };
}

const WELL: FaultPlan = {};

interface Account {
  readonly account: { readonly waitingReason: string | null };
}

async function reasonOf({ url }: TestGateway): Promise<string | null> {
  return (await dataOf(ask<Account, unknown>(url, '{ account { waitingReason } }'))).account.waitingReason;
}

/** A pause starts when its reason is stored, possibly after a skip; so this skips until it is over. */
async function untilOver(gateway: HeldGateway): Promise<void> {
  await expect
    .poll(
      () => {
        gateway.clock.skip(MINUTE);
        return reasonOf(gateway);
      },
      { timeout: 20_000 },
    )
    .toBeNull();
}

async function gaugeOf({ url }: TestGateway, reason: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`faceswap_dispatch_held\\{reason="${reason}"\\} (\\d)`).exec(text)?.[1]);
}

/** Submits jobs so that all are waiting before Akool answers the first. */
async function submitTogether(gateway: TestGateway, inputs: readonly ReturnType<typeof oneFace>[]) {
  const gate = gateway.sandbox.hold('submit');
  const jobs = await Promise.all(inputs.map((input) => submit(gateway.url, input)));
  gate.release();
  return jobs;
}

function statesOf(gateway: TestGateway, jobs: readonly SeenJob[]): Promise<SeenJob[]> {
  return Promise.all(jobs.map(({ id }) => lookUp(gateway.url, id)));
}

describe('a balance that runs out', { timeout: 60_000 }, () => {
  it('fails none of 40 jobs over the credit for 10; after a top-up all are completed, and billed once each', async () => {
    const gateway = await start({ sandbox: { credit: 40 }, env: { SUBMIT_WAIT_MS: '0' } });
    const jobs = await submitTogether(
      gateway,
      upTo(40).map(() => oneFace()),
    );
    await expect.poll(() => reasonOf(gateway), { timeout: 20_000 }).toBe('NO_CREDIT');
    await gateway.sandbox.settled();
    const states = async () => {
      const seen = await statesOf(gateway, jobs);
      return seen.map(({ status, waitingReason }) => [status, waitingReason].join(' ')).sort();
    };
    await expect
      .poll(states)
      .toEqual([...upTo(10).map(() => 'COMPLETED '), ...upTo(30).map(() => 'WAITING NO_CREDIT')]);
    // One for each slot may be sent before the first refusal is known; without credit, none is tried.
    const tried = gateway.sandbox.requests.pro;
    expect(tried).toBeLessThanOrEqual(10 + 3);
    const looks = gateway.sandbox.requests.credit;
    await expect
      .poll(() => {
        gateway.clock.skip(MINUTE);
        return gateway.sandbox.requests.credit;
      })
      .toBeGreaterThan(looks);
    expect(gateway.sandbox.requests.pro).toBe(tried);

    gateway.sandbox.credit = 1000;
    await untilOver(gateway);
    const lives = await Promise.all(jobs.map(({ id }) => follow(gateway.url, id)));
    for (const life of lives) expect(life.at(-1)?.status).toBe('COMPLETED');
    expect(new Set(gateway.sandbox.bills.map(({ providerId }) => providerId)).size).toBe(40);
    expect(gateway.sandbox.bills).toHaveLength(40);
    expect(gateway.sandbox.credit).toBe(880);
    expect(await reasonOf(gateway)).toBeNull();
  });
});

describe('a job that is too dear for the balance', { timeout: 60_000 }, () => {
  const dear = oneFace({
    detectOpts: true,
    targetImage: upTo(5).map((n) => ({ path: `https://example.com/face-${n}.jpg` })),
  });

  it('waits, and does not stop a cheaper one; it is sent after a top-up', async () => {
    const gateway = await start({ sandbox: { credit: 12 } });
    const big = await submit(gateway.url, dear);
    expect(big).toMatchObject({ status: 'WAITING', waitingReason: 'NO_CREDIT' });
    await expect.poll(() => reasonOf(gateway)).toBeNull();
    for (const small of [await submit(gateway.url), await submit(gateway.url)]) {
      expect((await follow(gateway.url, small.id)).at(-1)?.status).toBe('COMPLETED');
    }
    expect(await lookUp(gateway.url, big.id)).toMatchObject({
      status: 'WAITING',
      waitingReason: 'NO_CREDIT',
    });
    expect(gateway.sandbox.requests.pro).toBe(3);

    gateway.sandbox.credit = 100;
    gateway.clock.skip(5 * MINUTE);
    expect((await follow(gateway.url, big.id)).at(-1)?.status).toBe('COMPLETED');
    expect(gateway.sandbox.bills.map(({ cost }) => cost)).toEqual([4, 4, 20]);
  });

  it('does not stop others either when nothing about it tells that it is dear', async () => {
    const gateway = await start({ sandbox: { credit: 12 }, env: { ACCEPT_WHILE_BLOCKED: 'true' } });
    const big = await submit(gateway.url, oneFace({}, '?sandbox-price=20'));
    const small = await Promise.all(upTo(3).map(() => submit(gateway.url)));
    gateway.clock.skip(10_000);
    for (const { id } of small) expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
    expect(await lookUp(gateway.url, big.id)).toMatchObject({
      status: 'WAITING',
      waitingReason: 'NO_CREDIT',
    });
    gateway.sandbox.credit = 100;
    gateway.clock.skip(10 * MINUTE);
    expect((await follow(gateway.url, big.id)).at(-1)?.status).toBe('COMPLETED');
    expect(gateway.sandbox.bills).toHaveLength(4);
  });
});

describe('an account that Akool refuses', { timeout: 60_000 }, () => {
  it.each([
    [1006, 'NO_CREDIT'],
    [1104, 'NO_CREDIT'],
    [1101, 'ACCOUNT'],
    [1102, 'ACCOUNT'],
    [1103, 'ACCOUNT'],
    [1004, 'ACCOUNT'],
    [1109, 'ACCOUNT'],
    [1200, 'ACCOUNT'],
    [1213, 'ACCOUNT'],
    [1221, 'ACCOUNT'],
    [403, 'ACCOUNT'],
  ] as const)(
    'by %i: the job waits, new ones are refused, and all goes on once it has passed',
    async (code, reason) => {
      const gateway = await start();
      const input = oneFace({ idempotencyKey: 'order-1' });
      gateway.sandbox.setFaults(
        code === 403 ? { rates: { submit: { forbidden: 1 }, credit: { forbidden: 1 } } } : refusing(code),
      );
      const job = await submit(gateway.url, input);
      expect(job).toMatchObject({ status: 'WAITING', waitingReason: reason, error: null, providerId: null });
      expect(await reasonOf(gateway)).toBe(reason);
      expect(await gaugeOf(gateway, reason)).toBe(1);
      const loud = gateway.lines.filter(
        ({ level, msg }) => level === 50 && String(msg).includes('dispatch paused'),
      );
      expect(loud).toMatchObject([{ reason, providerCode: code === 403 ? null : code }]);

      const refused = await errorOf(ask(gateway.url, SUBMIT, { input: oneFace() }));
      expect(refused.extensions).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', waitingReason: reason });
      expect(refused.message).toMatch(/operator has to look into it/);
      const again = await dataOf(ask(gateway.url, SUBMIT, { input }));
      expect(again.submitFaceSwap).toMatchObject({ deduplicated: true, job: { id: job.id } });
      expect(gateway.sandbox.bills).toEqual([]);

      gateway.sandbox.setFaults(WELL);
      await untilOver(gateway);
      expect((await follow(gateway.url, job.id)).at(-1)).toMatchObject({
        status: 'COMPLETED',
        waitingReason: null,
      });
      expect(gateway.sandbox.bills).toHaveLength(1);
      expect(await reasonOf(gateway)).toBeNull();
      expect(await gaugeOf(gateway, reason)).toBe(0);
      expect((await submit(gateway.url)).status).toBe('QUEUED');
    },
  );

  it('tries one job, not all, when the balance is told again but submits are refused still', async () => {
    const gateway = await start({ env: { ACCEPT_WHILE_BLOCKED: 'true', AKOOL_MAX_CONCURRENCY: '10' } });
    gateway.sandbox.setFaults({ rates: { submit: { refuse: 1 } }, defaults: { code: 1213 } });
    await submit(gateway.url);
    await Promise.all(upTo(9).map(() => submit(gateway.url)));
    expect(gateway.sandbox.requests.pro).toBe(1);
    gateway.clock.skip(6000);
    await expect.poll(() => gateway.sandbox.requests.pro).toBe(2);
    // A pause starts when the refusal is stored, possibly after a skip.
    await expect
      .poll(() => {
        gateway.clock.skip(6000);
        return gateway.sandbox.requests.credit;
      })
      .toBeGreaterThan(1);
    expect(gateway.sandbox.requests.pro).toBeLessThanOrEqual(1 + gateway.sandbox.requests.credit);
  });

  it('fails a job whose time to wait is over, with the reason of the account', async () => {
    const gateway = await start();
    gateway.sandbox.setFaults(refusing(1103));
    const job = await submit(gateway.url);
    gateway.clock.skip(25 * 60 * MINUTE);
    const end = (await follow(gateway.url, job.id)).at(-1);
    expect(end).toMatchObject({ status: 'FAILED', error: { code: 'ACCOUNT_PROBLEM', providerCode: 1103 } });
    expect(end?.error?.message).toContain('until it expired');
    // No job is waiting any more, so the next submit is the trial.
    gateway.sandbox.setFaults(WELL);
    gateway.clock.skip(10 * MINUTE);
    await expect.poll(() => reasonOf(gateway)).toBeNull();
    expect((await submit(gateway.url)).status).toBe('QUEUED');
  });

  it('is still known after a restart, and looked at at once', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const before = await start({ dir });
    before.sandbox.setFaults(refusing(1101));
    const job = await submit(before.url);
    await before.stop();

    const after = await start({ dir, sandbox: { faults: refusing(1101) } });
    expect(await reasonOf(after)).toBe('ACCOUNT');
    expect(await lookUp(after.url, job.id)).toMatchObject({ status: 'WAITING', waitingReason: 'ACCOUNT' });
    await expect.poll(() => after.sandbox.requests.credit).toBeGreaterThan(0);
    expect(after.sandbox.requests.pro).toBe(0);
    await after.stop();

    const mended = await start({ dir });
    expect((await follow(mended.url, job.id)).at(-1)?.status).toBe('COMPLETED');
    expect(mended.sandbox.bills).toHaveLength(1);
  });

  it('is told to the follower of a job that waits, and so is its end', async () => {
    const gateway = await start({ env: { AKOOL_MAX_CONCURRENCY: '1' }, sandbox: { maxConcurrency: 1 } });
    gateway.sandbox.setFaults(refusing(1200));
    const gate = gateway.sandbox.hold('submit');
    const [first, second] = [submit(gateway.url), submit(gateway.url)];
    await gate.arrived;
    await expect.poll(async () => (await slotsOf(gateway)).waiting).toBe(1);
    const waiting = (
      await dataOf(
        ask<Jobs, unknown>(gateway.url, '{ jobs(filter: { status: [WAITING] }) { edges { node { id } } } }'),
      )
    ).jobs.edges[0]?.node.id;
    const told = follow(gateway.url, waiting ?? '');
    await expect
      .poll(async () => (await lookUp(gateway.url, waiting ?? '')).version)
      .toBeGreaterThanOrEqual(1);
    gate.release();
    await Promise.all([first, second]);
    await expect
      .poll(async () => (await lookUp(gateway.url, waiting ?? '')).history.map(({ note }) => note))
      .toContain('ACCOUNT');
    gateway.sandbox.setFaults(WELL);
    await untilOver(gateway);
    const states = await told;
    expect(states.map(({ waitingReason }) => waitingReason)).toContain('ACCOUNT');
    expect(states.at(-1)).toMatchObject({ status: 'COMPLETED', waitingReason: null });
  });
});

interface Jobs {
  readonly jobs: { readonly edges: readonly { readonly node: { readonly id: string } }[] };
}

async function slotsOf({ url }: TestGateway): Promise<{ readonly waiting: number }> {
  const query = '{ account { slots { waiting } } }';
  return (await dataOf(ask<{ account: { slots: { waiting: number } } }, unknown>(url, query))).account.slots;
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAULTS, type FaultAt, type FaultPlan, readFaultPlan } from '../../src/sandbox/fault-plan.js';
import { Faults, triggersIn } from '../../src/sandbox/faults.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import {
  CREDIT,
  call,
  DETECT,
  idOf,
  PRO,
  pro,
  proBody,
  RESULTS,
  resultOf,
  startSandbox,
} from '../support/sandbox-customer.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.stop());

const once = (fault: FaultAt<'submit'>, more = {}): FaultPlan => ({
  script: [{ on: 'submit', fault, ...more }],
});

/** Submits; `hangsUp` aborts the call once it is accepted or, failing that, after 100 ms. */
async function submitAlone(hangsUp = false): Promise<unknown> {
  const gate = sandbox.hold('accepted');
  const caller = new AbortController();
  const answer = fetch(sandbox.url + PRO, {
    method: 'POST',
    headers: { 'x-api-key': sandbox.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(proBody()),
    signal: caller.signal,
  }).then(
    async (response) => ({ status: response.status, text: await response.text() }),
    (error: Error) => error,
  );
  void gate.arrived.then(() => gate.release());
  if (hangsUp) {
    await expect.poll(() => sandbox.requests.pro).toBe(1);
    setTimeout(() => caller.abort(), 100);
  }
  await answer;
  gate.release();
  return answer;
}

describe('a fault of a submit', () => {
  it.each([
    ['timeout-before-accept', 0, 'AbortError'],
    ['timeout-after-accept', 1, 'AbortError'],
    ['reset-before-accept', 0, 'TypeError'],
    ['reset-after-accept', 1, 'TypeError'],
  ] as const)('%s gives no answer and bills %d', async (fault, billed, name) => {
    sandbox.setFaults(once(fault));
    expect(await submitAlone(name === 'AbortError')).toMatchObject({ name });
    expect(sandbox.bills).toHaveLength(billed);
    idOf(await pro(sandbox));
  });

  it.each([
    ['500-before-accept', 500, 0],
    ['forbidden', 403, 0],
    ['500-after-accept', 500, 1],
    ['garbage-after-accept', 200, 1],
  ] as const)('%s answers %d, unreadably, and bills %d', async (fault, status, billed) => {
    sandbox.setFaults(once(fault));
    const answer = await submitAlone();
    expect(answer).toMatchObject({ status });
    expect(() => JSON.parse((answer as { text: string }).text)).toThrow();
    expect(sandbox.bills).toHaveLength(billed);
  });

  it.each([
    ['500-json', {}, 500, 1009],
    ['500-json', { code: 1016 }, 500, 1016],
    ['too-frequent', {}, 200, 1005],
    ['too-many-requests', { retryAfterSeconds: 7 }, 429, 1005],
    ['no-credit', {}, 200, 1006],
    ['refuse', { code: 1200 }, 200, 1200],
  ] as const)('%s %j answers %d with code %d and bills nothing', async (fault, more, status, code) => {
    sandbox.setFaults(once(fault, more));
    const answer = await pro(sandbox);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.headers.get('retry-after')).toBe(status === 429 ? '7' : null);
    expect(sandbox.bills).toEqual([]);
    idOf(await pro(sandbox));
  });

  it('latency comes before the acceptance', async () => {
    sandbox.setFaults(once('latency', { ms: 80 }));
    const start = performance.now();
    const answer = pro(sandbox);
    await expect.poll(() => sandbox.requests.pro).toBe(1);
    expect(sandbox.bills).toEqual([]);
    idOf(await answer);
    expect(performance.now() - start).toBeGreaterThan(75);
  });

  it('stall never ends, until it is ended', async () => {
    sandbox.setFaults(once('stall'));
    const id = idOf(await pro(sandbox));
    await expect.poll(() => sandbox.jobs[0]?.status).toBe(2);
    await sandbox.settled();
    expect(sandbox.concurrency).toBe(1);
    expect(sandbox.finish(id, 4)).toBe(true);
    expect(sandbox.concurrency).toBe(0);
  });

  it('generation-fails ends with 4', async () => {
    sandbox.setFaults(once('generation-fails'));
    const id = idOf(await pro(sandbox));
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 4, url: '' });
  });

  it('strikes the nth submit, so many times in a row, and wrong submits do not count', async () => {
    sandbox.setFaults({ script: [{ on: 'submit', nth: 2, times: 2, fault: 'no-credit' }] });
    const codes: number[] = [];
    for (let nth = 1; nth <= 4; nth++) {
      await pro(sandbox, { sourceImage: [] });
      codes.push((await pro(sandbox)).body.code);
    }
    expect(codes).toEqual([1000, 1006, 1006, 1000]);
  });
});

describe('a fault asked for by URL', () => {
  it('strikes that submit, with its own details', async () => {
    const answer = await call(sandbox, PRO, proBody({}, '?sandbox-fault=refuse&sandbox-code=1109'));
    expect(answer.body).toEqual({ code: 1109, msg: 'The account does not exist' });
    idOf(await pro(sandbox));
  });

  it('may be several', async () => {
    const start = performance.now();
    const id = idOf(
      await call(sandbox, PRO, proBody({}, '?sandbox-fault=latency,generation-fails&sandbox-ms=60')),
    );
    expect(performance.now() - start).toBeGreaterThan(55);
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 4 });
  });

  it('is refused when nobody knows it', async () => {
    const answer = await call(sandbox, PRO, proBody({}, '?sandbox-fault=generation-fail'));
    expect(answer.body.code).toBe(1003);
    expect(answer.body.msg).toContain('generation-fails');
    expect(() => triggersIn(['https://a.example/?sandbox-fault=latency&sandbox-ms=soon'])).toThrow(
      'sandbox-ms',
    );
  });

  it('strikes detection too', async () => {
    const url = 'https://example.com/face.png?sandbox-fault=refuse&sandbox-code=1104';
    expect((await call(sandbox, DETECT, { url })).body).toMatchObject({
      error_code: 1,
      code: 1104,
      faces_obj: {},
    });
  });
});

describe('a fault of another call', () => {
  const results = (fault: FaultAt<'results'>, more = {}): FaultPlan => ({
    script: [{ on: 'results', fault, ...more }],
  });
  const ask = (patienceMs = 5000) =>
    fetch(`${sandbox.url}${RESULTS}?_ids=a`, {
      headers: { 'x-api-key': sandbox.apiKey },
      signal: AbortSignal.timeout(patienceMs),
    });

  it('reset breaks the connection', async () => {
    sandbox.setFaults(results('reset'));
    await expect(ask()).rejects.toThrow('fetch failed');
    expect((await ask()).status).toBe(200);
  });

  it('timeout never answers', async () => {
    sandbox.setFaults(results('timeout'));
    await expect(ask(80)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('error is a page, garbage is cut short', async () => {
    sandbox.setFaults(results('error'));
    const page = await ask();
    expect([page.status, await page.text()]).toMatchObject([500, expect.stringContaining('<html>')]);
    sandbox.setFaults(results('garbage'));
    const cut = await ask();
    expect(cut.status).toBe(200);
    await expect(cut.json()).rejects.toThrow();
  });

  it('latency, refuse and too-many-requests do what they say', async () => {
    sandbox.setFaults({
      script: [
        { on: 'credit', nth: 1, fault: 'latency', ms: 50 },
        { on: 'credit', nth: 2, fault: 'refuse', code: 1103 },
        { on: 'credit', nth: 3, fault: 'too-many-requests' },
      ],
    });
    const start = performance.now();
    expect((await call(sandbox, CREDIT)).body.code).toBe(1000);
    expect(performance.now() - start).toBeGreaterThan(45);
    expect((await call(sandbox, CREDIT)).body.code).toBe(1103);
    expect(await call(sandbox, CREDIT)).toMatchObject({ status: 429, body: { code: 1005 } });
  });
});

describe('the dice', () => {
  const fates = (seed: number, between: (faults: Faults) => void = () => {}) => {
    const faults = new Faults({ rates: { submit: { stall: 0.3 }, results: { error: 0.5 } } }, seed);
    return Array.from({ length: 200 }, () => {
      between(faults);
      return faults.strike('submit').has('stall');
    });
  };

  it('fall the same way for a seed, whatever happens elsewhere', () => {
    expect(fates(7)).toEqual(fates(7));
    expect(fates(7, (faults) => faults.strike('results'))).toEqual(fates(7));
    expect(fates(8)).not.toEqual(fates(7));
  });

  it('keep to the rate', () => {
    const share = fates(7).filter(Boolean).length / 200;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.4);
  });
});

describe('a fault plan', () => {
  it('says everything that is wrong with it', () => {
    const plan = {
      rate: {},
      rates: { submit: { flood: 1, stall: 2 }, weather: {} },
      script: [{ on: 'webhook', fault: 'stall', nth: 0 }, 'x', { on: 'submit', fault: 'latency', ms: -1 }],
      defaults: { seconds: 1 },
    };
    expect(() => readFaultPlan(plan)).toThrow(
      new RegExp(
        [
          'plan has no rate',
          'submit.flood',
          'submit.stall must',
          'weather',
          '0.fault must',
          '0.nth',
          '1 must',
          '2.ms',
          'no seconds',
        ].join('[\\s\\S]*'),
      ),
    );
    for (const wrong of [[], null, { rates: [] }, { script: {} }, { defaults: 1 }])
      expect(() => readFaultPlan(wrong)).toThrow();
  });

  it('knows each name at one kind of place only, or as a call fault', () => {
    const special: readonly string[] = [...FAULTS.submit, ...FAULTS.webhook];
    expect(new Set(special).size).toBe(special.length);
  });
});

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { seal } from '../../../src/sandbox/envelope.js';
import { AkoolCallError } from '../../../src/services/akool/call-error.js';
import type { Job } from '../../../src/services/jobs/job.js';
import { CallbackReceiver, type CallbackSettings } from '../../../src/services/workers/callback-receiver.js';
import type { Reconciler } from '../../../src/services/workers/reconciler.js';
import { until } from '../../support/gate.js';
import { recordedLog } from '../../support/harness.js';
import { HOUR, historyOf, NOON, refusal } from '../../support/samples.js';
import { openWorkshop, resultOf, log as silent, type WorkshopOptions } from '../../support/workshop.js';

const KEYS = { clientId: 'QkZ8yLmN3pRstuVwXyZ01A', clientSecret: 's3cr3tKeyOf24Characters!' };
const RESULT = 'https://cdn.example/result.png';

function webhook(_id: string, status: 1 | 2 | 3 | 4, url = RESULT, timestamp = NOON): Buffer {
  return sealed({ _id, status, type: 'faceswap', url }, timestamp);
}

function sealed(payload: Record<string, unknown>, timestamp = NOON): Buffer {
  return Buffer.from(JSON.stringify(seal(payload, { ...KEYS, timestamp, nonce: '1529' })));
}

async function openReceiver(
  settings: Partial<CallbackSettings> = {},
  options: WorkshopOptions = {},
  log = silent,
) {
  const workshop = await openWorkshop(options);
  const reconciler = workshop.reconciler();
  const receiver = new CallbackReceiver({
    ...workshop,
    reconciler,
    log,
    settings: {
      keys: KEYS,
      baseUrl: 'http://127.0.0.1:4001',
      confirmResults: false,
      keepResults: false,
      pollAfterMs: 30_000,
      jobDeadlineMs: 3 * HOUR,
      ...settings,
    },
  });
  return { ...workshop, reconciler, receiver };
}

/** From then on it polls only when it is woken. */
async function startWithoutTicks(reconciler: Reconciler): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  reconciler.start();
  await reconciler.pass();
}

describe('a webhook', () => {
  test('at an address that no job has is refused', async () => {
    const { receiver } = await openReceiver();
    expect(await receiver.receive('unknown', webhook('p1', 3))).toBe('refused');
  });

  test.each([
    [1, 'QUEUED'],
    [2, 'PROCESSING'],
    [3, 'COMPLETED'],
    [4, 'FAILED'],
  ] as const)('with status %i makes its job %s', async (status, expected) => {
    const { receiver, atProvider, get, store } = await openReceiver();
    const job = await atProvider('p1');
    expect(await receiver.receive(job.callbackToken, webhook('p1', status))).toBe('recorded');
    expect((await get(job)).status).toBe(expected);
    const last = (await historyOf(store, job.id)).at(-1);
    if (status > 1) expect(last).toMatchObject({ status: expected, source: 'WEBHOOK' });
  });

  test('makes its job be asked about later than it would have been', async () => {
    const { receiver, atProvider, get, clock } = await openReceiver();
    const job = await atProvider('p1');
    await receiver.receive(job.callbackToken, webhook('p1', 2));
    expect((await get(job)).pollAt).toBe(clock.now() + 30_000);
  });

  test('is awaited at the address of a job, and at no other', async () => {
    const { receiver, create } = await openReceiver();
    const { callbackToken } = await create();
    expect(await receiver.isAwaitedAt(callbackToken)).toBe(true);
    expect(await receiver.isAwaitedAt(`${callbackToken}0`)).toBe(false);
  });

  test('is recorded once, however often it is sent, and whatever order they come in', async () => {
    const { log, lines } = recordedLog();
    const { receiver, atProvider, get } = await openReceiver({}, {}, log);
    const job = await atProvider('p1');
    const bodies = [webhook('p1', 3), webhook('p1', 2), webhook('p1', 3), webhook('p1', 1), webhook('p1', 4)];
    for (const body of bodies) expect(await receiver.receive(job.callbackToken, body)).toBe('recorded');
    expect(await get(job)).toMatchObject({ status: 'COMPLETED', version: job.version + 1 });
    expect(lines.map(({ level }) => level)).toEqual([30, 30, 30, 30]);
  });

  test("with another job's _id is refused and changes nothing", async () => {
    const { receiver, atProvider, get } = await openReceiver();
    const job = await atProvider('p1');
    expect(await receiver.receive(job.callbackToken, webhook('p2', 3))).toBe('refused');
    expect(await get(job)).toEqual(job);
  });

  test.each([
    ['none', null, 'refused'],
    ['one without a result', 2, 'recorded'],
    ['one with a result', 3, 'recorded'],
  ] as const)('for a job that was canceled unsent revives nothing: %s', async (_, status, receipt) => {
    const { log, lines } = recordedLog();
    const { receiver, jobs, create, get } = await openReceiver({}, {}, log);
    const job = await create();
    await jobs.cancel(job.tenant, job.id);
    const canceled = await get(job);
    const body = status === null ? Buffer.from('{}') : webhook('p1', status);
    expect(await receiver.receive(job.callbackToken, body)).toBe(receipt);
    expect(await get(job)).toEqual(canceled);
    if (status === 3) expect(lines).toMatchObject([{ level: 40, job: job.id, address: RESULT }]);
  });

  test('for a job of whose sending there is no record binds it, and is in the log', async () => {
    const { log, lines } = recordedLog();
    const { receiver, create, get, clock } = await openReceiver({ confirmResults: true }, {}, log);
    const job = await create();
    clock.advance(HOUR);
    expect(await receiver.receive(job.callbackToken, webhook('p1', 3))).toBe('recorded');
    expect(await get(job)).toMatchObject({
      status: 'QUEUED',
      providerId: 'p1',
      attempts: 1,
      deadlineAt: NOON + 4 * HOUR,
      pollAt: NOON + HOUR,
    });
    expect(lines[0]).toMatchObject({ level: 40, job: job.id, providerId: 'p1', status: 'QUEUED' });
    expect(await receiver.receive(job.callbackToken, webhook('p2', 3))).toBe('refused');
    expect(lines.at(-1)).toMatchObject({ reason: 'WRONG_ID' });
  });

  test.each(['not json', '{}', ''])(
    'whose body is not readable is refused, and its job is asked about: %j',
    async (body) => {
      const { receiver, atProvider, get } = await openReceiver();
      const job = await atProvider('p1');
      expect(await receiver.receive(job.callbackToken, Buffer.from(body))).toBe('refused');
      expect(await get(job)).toEqual({ ...job, pollAt: NOON });
    },
  );

  test('whose signature is wrong is refused, and changes nothing', async () => {
    const { receiver, atProvider, get } = await openReceiver();
    const job = await atProvider('p1');
    const body = JSON.stringify({ ...JSON.parse(webhook('p1', 3).toString()), nonce: 'x' });
    expect(await receiver.receive(job.callbackToken, Buffer.from(body))).toBe('refused');
    expect(await get(job)).toEqual(job);
  });

  test('that comes late, for a job that has ended, is taken as recorded, changes nothing, and is in the log', async () => {
    const { log, lines } = recordedLog();
    const { receiver, jobs, create, atProvider, get } = await openReceiver({}, {}, log);
    const ended = await atProvider('p1');
    await jobs.apply(ended.id, { type: 'expired', at: NOON, error: refusal });
    const unbound = await create();
    await jobs.lease(10, HOUR);
    await jobs.apply(unbound.id, { type: 'refused', at: NOON, error: refusal });
    for (const job of [await get(ended), await get(unbound)]) {
      const body = webhook('p1', 3, `${RESULT}?Signature=s3cret`);
      expect(await receiver.receive(job.callbackToken, body)).toBe('recorded');
      expect(await get(job)).toEqual(job);
      expect(lines.at(-1)).toMatchObject({ level: 40, job: job.id, providerId: 'p1', address: RESULT });
    }
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });

  test.each(['DEADLINE_EXCEEDED', 'SUBMIT_UNCONFIRMED'] as const)(
    'with a result completes a job that failed as %s, and nobody else',
    async (code) => {
      const { receiver, jobs, create, get, store } = await openReceiver();
      const job = await create();
      await jobs.lease(1, HOUR);
      await jobs.apply(job.id, { type: 'unconfirmed', at: NOON, slotFreeAt: NOON + HOUR, reason: 'timeout' });
      await jobs.apply(job.id, { type: 'expired', at: NOON, error: { ...refusal, code } });
      expect(await receiver.receive(job.callbackToken, webhook('p1', 3))).toBe('recorded');
      expect(await get(job)).toMatchObject({
        status: 'COMPLETED',
        error: null,
        result: { providerUrl: RESULT },
      });
      expect((await historyOf(store, job.id)).at(-1)).toMatchObject({
        source: 'WEBHOOK',
        status: 'COMPLETED',
      });
      expect(await receiver.receive(job.callbackToken, webhook('p2', 3))).toBe('refused');
    },
  );

  test('tells when the result was made, within what is possible', async () => {
    const week = 7 * 24 * HOUR;
    for (const [timestamp, made] of [
      [NOON + 500, NOON + 500],
      [NOON - HOUR, NOON],
      [NOON + HOUR, NOON + 1000],
    ] as const) {
      const { receiver, atProvider, get, clock } = await openReceiver();
      const job = await atProvider('p1');
      clock.advance(1000);
      await receiver.receive(job.callbackToken, webhook('p1', 3, RESULT, timestamp));
      expect((await get(job)).result?.providerUrlExpiresAt).toBe(made + week);
    }
  });

  test.each([
    ['in the callback', 'no face', null, 'no face'],
    ['only when it is asked', undefined, 'generate temp file error', 'generate temp file error'],
  ])('of a failure tells the reason that Akool gives %s', async (_where, alg_msg, asked, told) => {
    const { receiver, atProvider, get, akool } = await openReceiver();
    const job = await atProvider('p1');
    akool.onResults = async () => [resultOf('p1', 4, null, asked)];
    expect(await receiver.receive(job.callbackToken, sealed({ _id: 'p1', status: 4, alg_msg }))).toBe(
      'recorded',
    );
    expect((await get(job)).error).toMatchObject({
      code: 'GENERATION_FAILED',
      message: expect.stringContaining(`“${told}”`),
    });
    expect(akool.questions).toHaveLength(alg_msg === undefined ? 1 : 0);
  });

  test('of a failure is recorded without a reason where Akool can not be asked', async () => {
    const { receiver, atProvider, get, akool } = await openReceiver();
    const job = await atProvider('p1');
    akool.onResults = () => Promise.reject(new AkoolCallError('UNREACHABLE', 'no connection'));
    expect(await receiver.receive(job.callbackToken, webhook('p1', 4))).toBe('recorded');
    expect(await get(job)).toMatchObject({ status: 'FAILED', error: { code: 'GENERATION_FAILED' } });
  });

  test('of a failure does not repeat the address at which it came', async () => {
    const { receiver, atProvider, get } = await openReceiver();
    const job = await atProvider('p1');
    const alg_msg = `${'x'.repeat(170)} https://g.example/webhooks/akool/${job.callbackToken}`;
    await receiver.receive(job.callbackToken, sealed({ _id: 'p1', status: 4, alg_msg }));
    const { error } = await get(job);
    expect(error?.message).toContain('xxx https://');
    for (const at of [0, 8, 16, 24]) {
      expect(error?.message).not.toContain(job.callbackToken.slice(at, at + 8));
    }
  });

  test('rejects when the store fails, so that Akool sends it again', async () => {
    let fails = false;
    const { receiver, atProvider } = await openReceiver(
      {},
      {
        wrapStore: (store) =>
          new Proxy(store, {
            get: (target, name) => {
              const value: unknown = Reflect.get(target, name);
              if (fails && name === 'save') return () => Promise.reject(new Error('disk'));
              return typeof value === 'function' ? value.bind(target) : value;
            },
          }),
      },
    );
    const job = await atProvider('p1');
    fails = true;
    await expect(receiver.receive(job.callbackToken, webhook('p1', 3))).rejects.toThrow('disk');
  });
});

describe('a webhook for a job whose submit was not answered', () => {
  async function unanswered(event: 'none' | 'unconfirmed' | 'not-accepted') {
    const opened = await openReceiver();
    const job = await opened.create();
    await opened.jobs.lease(1, HOUR);
    if (event === 'unconfirmed') {
      await opened.jobs.apply(job.id, { type: event, at: NOON, slotFreeAt: NOON + HOUR, reason: 'timeout' });
    } else if (event === 'not-accepted') {
      await opened.jobs.apply(job.id, {
        type: event,
        at: NOON,
        retryAt: null,
        deadlineAt: NOON + HOUR,
        reason: 'refused',
      });
    }
    return { ...opened, job };
  }

  test.each([
    ['SUBMITTING', 'none'],
    ['UNCONFIRMED', 'unconfirmed'],
    ['WAITING after a try', 'not-accepted'],
  ] as const)('binds its _id while it is %s', async (_, event) => {
    const { receiver, job, get, store } = await unanswered(event);
    expect(await receiver.receive(job.callbackToken, webhook('p1', 2))).toBe('recorded');
    expect(await get(job)).toMatchObject({
      status: 'PROCESSING',
      providerId: 'p1',
      slotFreeAt: null,
      deadlineAt: NOON + 3 * HOUR,
    });
    expect(await store.lease(10, NOON, () => null)).toEqual([]);
    expect(await receiver.receive(job.callbackToken, webhook('other', 3))).toBe('refused');
    expect(await receiver.receive(job.callbackToken, webhook('p1', 3))).toBe('recorded');
    expect((await get(job)).status).toBe('COMPLETED');
  });
});

describe('a webhook that is not to be believed', () => {
  async function askedAbout(settings: Partial<CallbackSettings>, body: Buffer): Promise<Job> {
    const { receiver, reconciler, atProvider, akool, get } = await openReceiver(settings);
    const job = await atProvider('p1');
    await startWithoutTicks(reconciler);
    akool.onResults = async () => [resultOf('p1', 3, 'https://cdn.example/asked.png')];
    expect(await receiver.receive(job.callbackToken, body)).toBe('recorded');
    await until(async () => (await get(job)).status === 'COMPLETED');
    expect(akool.questions).toEqual([['p1']]);
    return get(job);
  }

  test('because results are to be confirmed makes the gateway ask at once', async () => {
    const job = await askedAbout({ confirmResults: true }, webhook('p1', 3));
    expect(job.result?.providerUrl).toBe('https://cdn.example/asked.png');
  });

  test.each([
    'http://attacker.example/x.png',
    'https://user:pw@cdn.example/x.png',
    'https:/10.0.0.1/x.png',
    'javascript:alert(1)',
    'none',
    '',
  ])('because of its address makes the gateway ask at once: %j', async (url) => {
    const job = await askedAbout({}, webhook('p1', 3, url));
    expect(job.result?.providerUrl).toBe('https://cdn.example/asked.png');
  });

  test('leaves its address in the log, for Akool may give none when it is asked', async () => {
    const { log, lines } = recordedLog();
    const { receiver, atProvider } = await openReceiver({}, {}, log);
    const job = await atProvider('p1');
    await receiver.receive(
      job.callbackToken,
      webhook('p1', 3, 'http://cdn.example/a b.png?signature=secret'),
    );
    const told = { job: job.id, providerId: 'p1', address: 'http://cdn.example/a b.png' };
    expect(lines).toContainEqual(expect.objectContaining(told));
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  test.each([1, 2] as const)(
    'can not end a job, however bad its address: Akool says %i when asked',
    async (status) => {
      const { receiver, reconciler, atProvider, akool, get } = await openReceiver();
      const job = await atProvider('p1');
      akool.onResults = async () => [resultOf('p1', status)];
      reconciler.start();
      expect(await receiver.receive(job.callbackToken, webhook('p1', 3, 'none'))).toBe('recorded');
      await until(() => akool.questions.length === 1);
      await reconciler.pass();
      expect((await get(job)).status).toBe(status === 1 ? 'QUEUED' : 'PROCESSING');
    },
  );

  test('ends its job when Akool gives the same address that can not be used', async () => {
    const { receiver, reconciler, atProvider, akool, get } = await openReceiver();
    const job = await atProvider('p1');
    reconciler.start();
    akool.onResults = async () => [resultOf('p1', 3, 'none')];
    expect(await receiver.receive(job.callbackToken, webhook('p1', 3, 'none'))).toBe('recorded');
    await until(async () => (await get(job)).status === 'FAILED');
    expect((await get(job)).error?.code).toBe('RESULT_UNUSABLE');
  });

  test('but whose address is at the host that Akool is called at is believed', async () => {
    const { receiver, atProvider, get, akool } = await openReceiver();
    const job = await atProvider('p1');
    await receiver.receive(job.callbackToken, webhook('p1', 3, 'http://127.0.0.1:9/x.png'));
    expect((await get(job)).result?.providerUrl).toBe('http://127.0.0.1:9/x.png');
    expect(akool.questions).toEqual([]);
  });
});

describe('a webhook that can not be read for want of a client id', () => {
  const keys = { ...KEYS, clientId: null };

  test('rings: its job is asked about at once', async () => {
    const { receiver, reconciler, atProvider, akool, get } = await openReceiver({ keys });
    const job = await atProvider('p1');
    await startWithoutTicks(reconciler);
    akool.onResults = async () => [resultOf('p1', 3, RESULT)];
    expect(await receiver.receive(job.callbackToken, webhook('p1', 3))).toBe('recorded');
    await until(async () => (await get(job)).status === 'COMPLETED');
    expect(akool.questions).toEqual([['p1']]);
  });

  test('rings also for a job that failed because time ran out, and its result completes it', async () => {
    const { receiver, reconciler, jobs, atProvider, akool, get } = await openReceiver({ keys });
    const job = await atProvider('p1');
    const error = { ...refusal, code: 'DEADLINE_EXCEEDED' } as const;
    await jobs.apply(job.id, { type: 'expired', at: NOON, error, pollAt: NOON + HOUR });
    reconciler.start();
    akool.onResults = async () => [resultOf('p1', 3, RESULT)];
    expect(await receiver.receive(job.callbackToken, webhook('p1', 3))).toBe('recorded');
    await until(async () => (await get(job)).status === 'COMPLETED');
  });

  test('is recorded for a job that has ended, and refused for one that can not be asked about yet', async () => {
    const { log, lines } = recordedLog();
    const { receiver, jobs, create, atProvider } = await openReceiver({ keys }, {}, log);
    const ended = await atProvider('p1');
    await jobs.apply(ended.id, { type: 'expired', at: NOON, error: refusal });
    const unbound = await create();
    await jobs.lease(1, HOUR);
    expect(await receiver.receive(ended.callbackToken, webhook('p1', 3))).toBe('recorded');
    expect(lines).toMatchObject([{ job: ended.id, status: 'FAILED', msg: 'callback changed nothing' }]);
    expect(await receiver.receive(unbound.callbackToken, webhook('p1', 3))).toBe('refused');
    expect(lines.at(-1)).toMatchObject({ job: unbound.id, reason: 'NOT_YET_ASKABLE' });
  });
});

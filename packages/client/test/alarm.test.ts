/** When to try again: reasons to do so before the time is up, and how often a client asks a gateway that does not help. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { backoffMs, createAlarm } from '../src/alarm.js';
import type { FaceSwapOptions } from '../src/index.js';
import { closeClients, newClient } from './support.js';

let closed: AbortController;
beforeEach(() => {
  vi.useFakeTimers();
  closed = new AbortController();
});
afterEach(() => {
  closeClients();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('wakes once when the machine has slept, and not when a timer is a little late', () => {
  let wakes = 0;
  const forget = createAlarm(closed.signal).onWake(() => {
    wakes += 1;
  });
  vi.setSystemTime(Date.now() + 1000);
  vi.advanceTimersByTime(10_000);
  expect(wakes).toBe(0);
  vi.setSystemTime(Date.now() + 70_000);
  vi.advanceTimersByTime(10_000);
  expect(wakes).toBe(1);
  forget();
  expect(vi.getTimerCount()).toBe(0);
});

it('wakes when the browser is online or the page is shown, but not while it is hidden or after closing', () => {
  const page = new EventTarget();
  const document = { hidden: false };
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('document', document);
  let wakes = 0;
  createAlarm(closed.signal).onWake(() => {
    wakes += 1;
  });
  for (const event of ['online', 'offline', 'pageshow', 'visibilitychange'])
    page.dispatchEvent(new Event(event));
  expect(wakes).toBe(4);
  document.hidden = true;
  page.dispatchEvent(new Event('visibilitychange'));
  expect(wakes).toBe(4);
  document.hidden = false;
  closed.abort();
  page.dispatchEvent(new Event('online'));
  expect(wakes).toBe(4);
});

it('sleeps for its time, until there is reason to wake, or until it is aborted', async () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  const alarm = createAlarm(closed.signal);
  const whole = alarm.sleep(1000, closed.signal);
  await vi.advanceTimersByTimeAsync(1000);
  await whole;
  const woken = alarm.sleep(60_000, closed.signal);
  page.dispatchEvent(new Event('online'));
  await woken;
  const aborted = alarm.sleep(60_000, closed.signal);
  const reason = new Error('Enough');
  closed.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await expect(alarm.sleep(60_000, closed.signal)).rejects.toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
});

it('is not woken before the gateway is ready', async () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  let isOver = false;
  const sleep = createAlarm(closed.signal).sleep(8000, closed.signal, 10);
  sleep.then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(9000);
  page.dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(2000);
  expect(isOver).toBe(false);
  page.dispatchEvent(new Event('online'));
  await sleep;
});

it('waits longer after each failure, up to a bound, and never as long as others', () => {
  for (let failures = 0; failures < 40; failures++) {
    const whole = Math.min(8000, 500 * 2 ** failures);
    const waits = Array.from({ length: 20 }, () => backoffMs(failures));
    for (const ms of waits) expect(ms > whole / 2 && ms <= whole).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(1);
  }
});

/** Stands for a gateway, because minutes pass here: its answers by the beginning of an operation's selection. */
function answering(answers: Readonly<Record<string, object>>) {
  const times: number[] = [];
  const asked = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    times.push(Date.now());
    const { query, variables } = JSON.parse(String(init?.body));
    const name = Object.keys(answers).find((one) => query.includes(`answer:${one}(`)) ?? '';
    const answer = answers[name];
    const job = { id: variables.id, version: 1, status: 'WAITING', finishedAt: null };
    return Response.json(answer ?? { data: { answer: job } });
  };
  return { times, fetch: asked as typeof fetch };
}

interface Heard {
  readonly type: string;
  readonly id?: string;
}

/** A class of sockets that are opened at once, and answer with what `answer` returns. */
function sockets(
  answer: (message: Heard, socket: { onclose?: (event: object) => void }) => readonly object[],
) {
  const dials: number[] = [];
  const heard: Heard[] = [];
  class ScriptedSocket {
    onopen?: () => void;
    onclose?: (event: object) => void;
    onmessage?: (event: object) => void;
    constructor() {
      dials.push(Date.now());
      setTimeout(() => this.onopen?.(), 0);
    }
    send(text: string): void {
      const message: Heard = JSON.parse(text);
      heard.push(message);
      const types: Record<string, string> = { connection_init: 'connection_ack', ping: 'pong' };
      const type = types[message.type];
      for (const one of [...(type ? [{ type }] : []), ...answer(message, this)])
        setTimeout(() => this.onmessage?.({ data: JSON.stringify(one) }), 0);
    }
    close(): void {}
  }
  return { dials, heard, webSocket: ScriptedSocket as unknown as FaceSwapOptions['webSocket'] };
}

const URL = 'http://gateway.test';
const TEN_SECONDS = 10_000;

it('polls in one chain, also if following was stopped and begun again during a poll', async () => {
  vi.stubGlobal('WebSocket', undefined);
  const { times, fetch } = answering({});
  const held: (() => void)[] = [];
  let isHeld = true;
  const client = newClient(URL, {
    webSocket: undefined,
    fetch: async (...request) => {
      if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
      return fetch(...request);
    },
  });
  for (let look = 0; look < 2; look++) {
    const stop = client.follow('1').subscribe(() => {});
    await vi.advanceTimersByTimeAsync(1);
    if (look === 0) stop();
  }
  expect(held).toHaveLength(2);
  isHeld = false;
  for (const release of held) release();
  await vi.advanceTimersByTimeAsync(3 * TEN_SECONDS);
  expect(times.length).toBeLessThanOrEqual(12);
});

it('polls many jobs less often', async () => {
  vi.stubGlobal('WebSocket', undefined);
  const { times, fetch } = answering({});
  const client = newClient(URL, { webSocket: undefined, fetch });
  for (let id = 0; id < 60; id++) client.follow(`${id}`).subscribe(() => {});
  await vi.advanceTimersByTimeAsync(3 * TEN_SECONDS);
  expect(times.length).toBeGreaterThanOrEqual(240);
  expect(times.length).toBeLessThanOrEqual(360);
});

it('does not poll a job that was deleted here', async () => {
  vi.stubGlobal('WebSocket', undefined);
  const { times, fetch } = answering({ deleteJob: { data: { answer: '1' } } });
  const client = newClient(URL, { webSocket: undefined, fetch });
  const followed = client.follow('1');
  followed.subscribe(() => {});
  await vi.advanceTimersByTimeAsync(1);
  await followed.delete();
  const before = times.length;
  await vi.advanceTimersByTimeAsync(TEN_SECONDS);
  expect(times).toHaveLength(before);
  expect(client.connection.getSnapshot()).toBe('idle');
});

it('polls if not even a socket can be made', async () => {
  const { times, fetch } = answering({});
  const insecure = class {
    constructor() {
      throw new Error('SecurityError');
    }
  };
  const client = newClient(URL, { fetch, webSocket: insecure as unknown as FaceSwapOptions['webSocket'] });
  const followed = client.follow('1');
  followed.subscribe(() => {});
  await vi.advanceTimersByTimeAsync(TEN_SECONDS);
  expect(times.length).toBeGreaterThan(0);
  expect(followed.getSnapshot().job?.status).toBe('WAITING');
  expect(client.connection.getSnapshot()).toBe('polling');
});

it('opens seldom what is closed as soon as it is open', async () => {
  const { dials, webSocket } = sockets(({ type }, socket) => {
    if (type === 'subscribe') setTimeout(() => socket.onclose?.({ code: 1006 }), 1);
    return [];
  });
  const client = newClient(URL, { webSocket, fetch: answering({}).fetch });
  client.follow('1').subscribe(() => {});
  await vi.advanceTimersByTimeAsync(6 * TEN_SECONDS);
  expect(dials.length).toBeGreaterThan(5);
  expect(dials.length).toBeLessThan(20);
});

it('subscribes seldom to what is completed at once', async () => {
  const { heard, webSocket } = sockets(({ type, id }) =>
    type === 'subscribe' ? [{ type: 'complete', id }] : [],
  );
  const { times, fetch } = answering({});
  newClient(URL, { webSocket, fetch })
    .follow('1')
    .subscribe(() => {});
  await vi.advanceTimersByTimeAsync(6 * TEN_SECONDS);
  const subscribed = heard.filter(({ type }) => type === 'subscribe').length;
  expect(subscribed).toBeGreaterThan(5);
  expect(subscribed).toBeLessThan(20);
  expect(times.length).toBeLessThan(20);
});

it('reads a list not sooner than the gateway says', async () => {
  const { webSocket } = sockets(() => []);
  const extensions = { code: 'RATE_LIMITED', retryAfterSeconds: 60 };
  const { times, fetch } = answering({ jobs: { errors: [{ message: 'Later', extensions }] } });
  newClient(URL, { webSocket, fetch })
    .followAll()
    .subscribe(() => {});
  await vi.advanceTimersByTimeAsync(6 * TEN_SECONDS);
  expect(times).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(TEN_SECONDS);
  expect(times).toHaveLength(2);
});

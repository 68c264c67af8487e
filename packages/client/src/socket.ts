/**
 * Subscriptions over one socket, in the protocol of graphql-ws. The socket is opened when there is something to follow, and
 * again whenever it is lost. A line that died without a word is noticed by pings; while the socket can't be opened, each
 * subscription is polled.
 *
 * graphql-ws has a client of its own, of which this needs little: its ways to connect again and to keep alive are not those
 * above, and with it the package would be larger than it may be (docs/performance.md).
 */
import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws/client';
import { backoffMs } from './alarm.js';
import type { Connection } from './connection.js';
import { type Readable, writable } from './readable.js';
import {
  authorizationOf,
  type ClientError,
  type Gateway,
  isFinal,
  refusalOf,
  UNAUTHENTICATED,
} from './request.js';

export interface Subscription {
  readonly query: string;
  /** Called at each connect. */
  variables(): object;
  next(answer: unknown): void;
  /** Called once, unless it was stopped: when the gateway has completed it, or with what waiting can't change. */
  end(error: unknown): void;
  /** Does by a request what the socket can't. */
  poll(): Promise<unknown>;
}

export interface Socket {
  readonly connection: Readable<Connection>;
  /** Returns a function that stops it. */
  subscribe(subscription: Subscription): () => void;
}

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

interface Event {
  readonly data?: { readonly answer: unknown } | null;
  readonly errors: readonly ClientError[];
}

/** With the time for an answer, a dead line is noticed within 11 seconds. */
const PING_MS = 7000;
const PONG_MS = 4000;
/** After a page has woken, its line is probably dead. */
const WAKE_PONG_MS = 2000;
const CONNECT_MS = 6000;
/** The next job is often followed soon. */
const LINGER_MS = 1000;
/** How long there may be no socket before jobs are polled. */
const POLL_AFTER_MS = 5000;
const POLL_EVERY_MS = 3000;
/** As an average: with many jobs, each is polled less often. */
const MS_PER_POLL = 100;
/** Close codes from here on are refusals of the gateway: 4401 and 4403 are those of tokens. */
const MIN_REFUSAL = 4401;

export function createSocket(gateway: Gateway): Socket {
  const { alarm, closed, webSocket = globalThis.WebSocket } = gateway;
  const connection = writable<Connection>('idle');
  /** What is followed, and by which id on the present socket; by none, if it is to be followed again later. */
  const active = new Map<Subscription, string>();
  let ids = 0;
  let socket: WebSocket | null = null;
  let isOpen = false;
  let isWaiting = false;
  let failures = 0;
  /** By the last poll; null before the first one. */
  let isReached: boolean | null = null;
  /** How many polls were refused their token since the last answer. */
  let refusals = 0;
  let polls: ReturnType<typeof setTimeout> | undefined;
  let deadline: ReturnType<typeof setTimeout> | undefined;
  let stopWaking = (): void => {};

  const show = (): void => {
    let state: Connection = 'connecting';
    if (active.size === 0) state = 'idle';
    else if (isOpen) state = 'live';
    else if (isReached === false || globalThis.navigator?.onLine === false) state = 'offline';
    else if (isReached) state = 'polling';
    connection.set(state);
  };
  const within = (ms: number, act: () => void): void => {
    clearTimeout(deadline);
    deadline = setTimeout(act, ms);
  };
  const send = (message: object): void => socket?.send(JSON.stringify(message));

  /** Returns false if it was over before. */
  const leave = (subscription: Subscription): boolean => {
    const id = active.get(subscription);
    active.delete(subscription);
    if (isOpen && id) send({ type: 'complete', id });
    if (active.size === 0) {
      stopWaking();
      closed.removeEventListener('abort', close);
      stopPolls();
      if (socket) within(LINGER_MS, lose);
      else lose();
    }
    show();
    return id !== undefined;
  };
  const over = (subscription: Subscription, error: unknown): void => {
    if (leave(subscription)) subscription.end(error);
  };

  const stopPolls = (): void => {
    clearTimeout(polls);
    polls = undefined;
  };
  const poll = async (): Promise<void> => {
    const own = polls;
    const outcomes = await Promise.all(
      Array.from(active.keys(), (one) =>
        one.poll().then(
          () => {
            refusals = 0;
            return true;
          },
          (error) => {
            // In the third poll in a row: a function may give wrong tokens for a while.
            const isEnough = error.code === UNAUTHENTICATED && ++refusals > 2 * active.size;
            // A proxy may answer while there is no gateway. Of several lists, one that is wrong has been told.
            const isAnswered = !/^(HTTP|BAD|UNANS)/.test(error.code);
            if (isEnough || (isAnswered && isFinal(gateway, error))) over(one, error);
            return isAnswered;
          },
        ),
      ),
    );
    // Stopped meanwhile; others may have begun.
    if (polls !== own) return;
    polls = undefined;
    isReached = outcomes.includes(true);
    expectSocket(Math.max(POLL_EVERY_MS, active.size * MS_PER_POLL));
  };
  const expectSocket = (ms: number): void => {
    if (active.size > 0 && !isOpen) polls ??= setTimeout(poll, ms);
    show();
  };

  const ping = (ms: number): void => {
    send({ type: 'ping' });
    within(ms, lose);
  };
  /** A socket may be gone that has not said so, and one that is being opened may never be. */
  const check = (): void => {
    if (isOpen) ping(WAKE_PONG_MS);
    // A page wakes when it is loaded, too, and a first attempt has its own time.
    else if (failures) lose();
    failures = 0;
    show();
  };

  const start = (subscription: Subscription): void => {
    const id = `${++ids}`;
    active.set(subscription, id);
    const { query } = subscription;
    if (isOpen) send({ type: 'subscribe', id, payload: { query, variables: subscription.variables() } });
  };
  const fail = (subscription: Subscription, errors: readonly ClientError[]): void => {
    const refused = refusalOf(errors[0] ?? {});
    if (isFinal(gateway, refused)) {
      over(subscription, refused);
      return;
    }
    active.set(subscription, '');
    subscription.poll().catch(() => {});
    alarm.sleep(backoffMs(failures++), closed, refused.retryAfter).then(
      () => active.get(subscription) === '' && start(subscription),
      () => {},
    );
  };

  const hear = ({ type, id, payload }: Message): void => {
    // One that nobody needs is closed soon.
    if (active.size > 0) within(PING_MS, () => ping(PONG_MS));
    if (type === 'ping') send({ type: 'pong' });
    if (type === 'connection_ack') {
      isOpen = true;
      isReached = null;
      refusals = 0;
      stopPolls();
      show();
      for (const subscription of active.keys()) start(subscription);
    }
    const [subscription] = [...active].find(([, own]) => own === id) ?? [];
    if (!subscription) return;
    if (type === 'complete') {
      active.set(subscription, '');
      over(subscription, null);
    } else if (type === 'error') fail(subscription, payload as readonly ClientError[]);
    else {
      const { data, errors } = payload as Event;
      if (data) {
        // Not sooner: one that is closed after each connection_ack would be opened over and over.
        failures = 0;
        subscription.next(data.answer);
      } else {
        send({ type: 'complete', id });
        fail(subscription, errors);
      }
    }
  };

  const connect = (): void => {
    if (!webSocket || socket || isWaiting || active.size === 0) return;
    let opened: WebSocket;
    try {
      const address = gateway.address().href.replace(/^http/, 'ws');
      opened = new webSocket(address, GRAPHQL_TRANSPORT_WS_PROTOCOL) as WebSocket;
    } catch {
      // A page of https may open no other sockets, and an address may be none.
      lose();
      return;
    }
    const end = (event?: Partial<CloseEvent>): void => {
      if (socket === opened) lose(event?.code);
    };
    socket = opened;
    within(CONNECT_MS, lose);
    opened.onopen = () =>
      authorizationOf(gateway).then((payload) => {
        if (socket === opened) send({ type: 'connection_init', payload });
      }, end);
    opened.onmessage = ({ data }) => {
      if (socket === opened) hear(JSON.parse(data));
    };
    opened.onclose = end;
    // It is closed, too.
    opened.onerror = () => {};
  };
  const lose = (code = 0): void => {
    const lost = socket;
    socket = null;
    isOpen = false;
    clearTimeout(deadline);
    lost?.close();
    if (active.size === 0 || isWaiting) return;
    isWaiting = true;
    // A poll finds out whether the same token will be refused again.
    expectSocket(code >= MIN_REFUSAL ? 0 : POLL_AFTER_MS);
    const again = (): void => {
      isWaiting = false;
      connect();
    };
    alarm.sleep(backoffMs(failures++), closed).then(again, again);
  };
  const close = (): void => {
    for (const subscription of [...active.keys()]) over(subscription, closed.reason);
    lose();
  };

  return {
    connection,
    subscribe: (subscription) => {
      if (active.size === 0) {
        stopWaking = alarm.onWake(check);
        closed.addEventListener('abort', close);
        if (isOpen) check();
        else if (socket) within(CONNECT_MS, lose);
      }
      start(subscription);
      connect();
      expectSocket(webSocket ? POLL_AFTER_MS : 0);
      return () => void leave(subscription);
    },
  };
}

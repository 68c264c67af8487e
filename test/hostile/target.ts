/** The attacked gateway as the attacker reaches it, from another address than the bystander's. */
import { connect, type Socket } from 'node:net';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';
import type { Size } from './attack.js';
import { ATTACKER_KEY } from './callers.js';

export interface Answer {
  /** Null if there was no response. */
  readonly status: number | null;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>> | null;
  /** The codes of its errors. */
  readonly codes: readonly string[];
}

export interface Operation {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** Also an address of this machine, but different from 127.0.0.1 where limits are per address. */
const FROM = '127.0.0.2';
const ANSWER_TIMEOUT_MS = 60_000;

/** A process that the attacker can pause, as an operating system may. */
export interface Companion {
  readonly url: string;
  readonly pid: number;
}

export class Target {
  readonly url: string;
  readonly size: Size;
  readonly #companion: Companion | null;
  readonly #agent = new Agent({
    connect: { localAddress: FROM },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });

  constructor(url: string, size: Size, companion: Companion | null) {
    this.url = url;
    this.size = size;
    this.#companion = companion;
  }

  /** @throws Error if the attack has no companion */
  get companion(): Companion {
    if (this.#companion === null) throw new Error('This attack has no companion');
    return this.#companion;
  }

  /** Sends the same attacker's requests to the companion. */
  atCompanion(): Target {
    return new Target(this.companion.url, this.size, null);
  }

  /** The first number in a full run, the second in a small one. */
  pick(full: number, small: number): number {
    return this.size === 'full' ? full : small;
  }

  /** @param key null to send no credentials */
  ask(operation: Operation, key: string | null = ATTACKER_KEY): Promise<Answer> {
    return this.post('/graphql', JSON.stringify(operation), key);
  }

  async post(path: string, body: string, key: string | null = ATTACKER_KEY): Promise<Answer> {
    return this.send(path, { 'content-type': 'application/json', accept: 'application/json' }, key, body);
  }

  /** Sends a GET if there is no body. */
  async send(
    path: string,
    headers: Readonly<Record<string, string>>,
    key: string | null,
    body?: string,
  ): Promise<Answer> {
    try {
      const response = await request(`${this.url}${path}`, {
        dispatcher: this.#agent,
        method: body === undefined ? 'GET' : 'POST',
        headers: { ...headers, ...(key !== null && { authorization: `Bearer ${key}` }) },
        ...(body !== undefined && { body }),
      });
      const text = await response.body.text();
      return { status: response.statusCode, text, ...readGraphql(text) };
    } catch {
      return { status: null, text: '', data: null, codes: [] };
    }
  }

  /** Sends the beginning of a request or of a protocol; does not read the response. */
  async raw(head: string): Promise<Socket> {
    const { hostname, port } = new URL(this.url);
    const socket = connect({ host: hostname, port: Number(port), localAddress: FROM });
    // An attacker's connections may be cut.
    socket.on('error', () => {});
    socket.pause();
    await new Promise<void>((resolve) => {
      socket.once('connect', () => resolve());
      socket.once('close', () => resolve());
    });
    socket.write(head);
    return socket;
  }

  /** Sends a POST without reading the response. */
  unread(path: string, operation: Operation, accept = 'application/json'): Promise<Socket> {
    const body = JSON.stringify(operation);
    return this.raw(`${headOf(path, Buffer.byteLength(body), ATTACKER_KEY, accept)}${body}`);
  }

  /** A socket that has authenticated, or was closed for it. */
  async follow(): Promise<WebSocket> {
    const socket = new WebSocket(`${this.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
      localAddress: FROM,
    });
    socket.on('error', () => {});
    await new Promise<void>((resolve) => {
      socket.once('open', () => {
        const payload = { authorization: `Bearer ${ATTACKER_KEY}` };
        socket.send(JSON.stringify({ type: 'connection_init', payload }));
      });
      socket.once('message', () => resolve());
      socket.once('close', () => resolve());
    });
    return socket;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** The head of a POST with a body of this many bytes. */
export function headOf(path: string, bytes: number, key: string | null, accept = 'application/json'): string {
  const authorization = key === null ? [] : [`authorization: Bearer ${key}`];
  return [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'content-type: application/json',
    `accept: ${accept}`,
    `content-length: ${bytes}`,
    ...authorization,
    '\r\n',
  ].join('\r\n');
}

/** Runs this many at a time. */
export async function inParallel<T>(
  count: number,
  width: number,
  work: (i: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) results[i] = await work(i);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  return results;
}

function readGraphql(text: string): Pick<Answer, 'data' | 'codes'> {
  try {
    const { data = null, errors = [] } = JSON.parse(text) as {
      data?: Record<string, unknown> | null;
      errors?: readonly { extensions?: { code?: string } }[];
    };
    return { data, codes: errors.map(({ extensions }) => extensions?.code ?? '') };
  } catch {
    return { data: null, codes: [] };
  }
}

/** Starts this many subscriptions on one socket. */
export function subscribe(socket: WebSocket, query: string, count: number): void {
  for (let i = 0; i < count; i += 1) {
    socket.send(JSON.stringify({ type: 'subscribe', id: String(i), payload: { query } }));
  }
}

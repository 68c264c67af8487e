/**
 * Sends requests over keep-alive connections with fixed concurrency. Written on plain sockets, so that the
 * load costs little compared with what it measures.
 */
import { connect, type Socket } from 'node:net';

export interface Load {
  readonly seconds: number;
  /** From the first byte of a request to the last of its response, in milliseconds, unordered. */
  readonly latencies: readonly number[];
}

/** A complete request, and what to do with its response. */
export interface Exchange {
  readonly request: Buffer;
  readonly answered?: (body: string) => void;
}

export function post(path: string, body: string | object, contentType = 'application/json'): Buffer {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `content-type: ${contentType}`,
    'accept: application/json',
    `content-length: ${bytes.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes]);
}

export function graphql(query: string, variables: object): Buffer {
  return post('/graphql', { query, variables });
}

/**
 * Sends all of them, `atOnce` at a time.
 *
 * @throws Error if a response is not 200, or a connection ends
 */
export async function load(port: number, exchanges: readonly Exchange[], atOnce: number): Promise<Load> {
  const latencies: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    const connection = await Connection.open(port);
    try {
      for (let exchange = exchanges[next++]; exchange !== undefined; exchange = exchanges[next++]) {
        const sentAt = performance.now();
        const body = await connection.exchange(exchange.request);
        latencies.push(performance.now() - sentAt);
        exchange.answered?.(body);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, exchanges.length) }, work));
  return { seconds: (performance.now() - startedAt) / 1000, latencies };
}

/** One connection that sends one request after another. */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve(body: string): void; reject(error: Error): void } | null = null;

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Connection(socket)));
    });
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('The connection was closed')));
  }

  /** @throws Error if the response is not 200, or the connection ends */
  exchange(request: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = null;
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const endOfHead = this.#received.indexOf('\r\n\r\n');
    if (endOfHead === -1) return;
    const head = this.#received.toString('latin1', 0, endOfHead);
    const body = bodyOf(head, this.#received.subarray(endOfHead + 4));
    if (body === null) return;
    this.#received = Buffer.alloc(0);
    if (!head.startsWith('HTTP/1.1 200 ')) {
      this.#fail(new Error(`${head}\n\n${body}`));
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(body);
  }
}

/** Returns null until the body has arrived completely. */
function bodyOf(head: string, rest: Buffer): string | null {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return rest.length < Number(length) ? null : rest.toString('utf8');
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return '';
  if (!rest.subarray(-5).equals(LAST_CHUNK)) return null;
  let body = '';
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
    if (!(size > 0)) return body;
    body += rest.toString('utf8', lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Protocol upgrades: only WebSockets at /graphql are accepted, any other offer is ignored. */
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareSocket } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

/** As `curl --http2` and Java's HttpClient send it with every request. */
const H2C =
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n';
const QUERY = '{"query":"{ __typename }"}';

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n${headers}\r\n`;
}

function post(body: string, headers = ''): string {
  return `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** One keep-alive connection, and the responses on it. */
class Connection {
  readonly #socket: Socket;
  #received = '';
  #wake: () => void = () => {};

  constructor() {
    this.#socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => {
      this.#received += text;
      this.#wake();
    });
    this.#socket.once('close', () => this.#wake());
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** The status and body of the next response. */
  async answer(): Promise<readonly [status: number, body: string]> {
    for (;;) {
      const [, status, head] = /^HTTP\/1\.1 (\d+) ([\s\S]*?)\r\n\r\n/.exec(this.#received) ?? [];
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head ?? '')?.[1] ?? 0);
      const bodyAt = this.#received.indexOf('\r\n\r\n') + 4;
      if (status !== undefined && this.#received.length >= bodyAt + length) {
        const body = this.#received.slice(bodyAt, bodyAt + length);
        this.#received = this.#received.slice(bodyAt + length);
        return [Number(status), body];
      }
      if (this.#socket.closed) throw new Error(`Closed after ${JSON.stringify(this.#received)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  end(): void {
    this.#socket.destroy();
  }
}

async function answersTo(...requests: string[]): Promise<(readonly [number, string])[]> {
  const connection = new Connection();
  try {
    const answers: (readonly [number, string])[] = [];
    for (const request of requests) {
      connection.write(request);
      answers.push(await connection.answer());
    }
    return answers;
  } finally {
    connection.end();
  }
}

const PATHS = [
  '/graphql?query=%7B__typename%7D',
  '/graphql',
  '/graphql/stream',
  '/graphiql',
  '/healthz',
  '/readyz',
  '/media/x.png',
  '/nothing',
];

describe('An offer to upgrade that is not taken', () => {
  it.each(PATHS)('changes no answer to a GET, and the connection goes on: %s', async (path) => {
    const [plain, ...others] = await answersTo(get(path), get(path, H2C), get(path));
    expect(others).toEqual([plain, plain]);
  });

  it("changes no answer at the door of Akool's callbacks, which closes after what it refuses", async () => {
    const path = '/webhooks/akool/x';
    expect(await answersTo(get(path, H2C))).toEqual(await answersTo(get(path)));
  });

  it('changes no answer to a POST, whose body is read, and the connection goes on', async () => {
    const answers = await answersTo(post(QUERY, H2C), post(QUERY), post(QUERY, H2C), get('/healthz', H2C));
    expect(answers.map(([status]) => status)).toEqual([200, 200, 200, 200]);
    expect(answers[0]?.[1]).toBe('{"data":{"__typename":"Query"}}\n');
  });

  it('lets a body come in pieces, long and with bytes above 127', async () => {
    const connection = new Connection();
    const text = JSON.stringify({ query: `{ __typename } # ${'ä'.repeat(100_000)}` });
    // What is written is latin1.
    const long = Buffer.from(text).toString('latin1');
    const request = post(long, `X-Name: \xe4\r\n${H2C}`);
    for (let at = 0; at < request.length; at += 50_000) {
      connection.write(request.slice(at, at + 50_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await connection.answer()).toEqual([200, '{"data":{"__typename":"Query"}}\n']);
    connection.end();
  });

  // Newer versions of Node ignore offers themselves, and then lose requests pipelined behind them.
  it.skipIf('shouldUpgradeCallback' in createServer())('lets others follow without waiting', async () => {
    const connection = new Connection();
    connection.write(
      post(QUERY) + get('/healthz', H2C) + post(QUERY, H2C) + post(QUERY) + get('/nothing', H2C),
    );
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await connection.answer())[0]);
    expect(statuses).toEqual([200, 200, 200, 200, 404]);
    connection.end();
  });

  it('is ignored a hundred times on one connection, without a listener left behind', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const answers = await answersTo(...Array<string>(100).fill(post(QUERY, H2C)));
    expect(new Set(answers.map(([status]) => status))).toEqual(new Set([200]));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it.each(['TLS/1.0', 'h2c, websocket', 'websockets', 'IRC/6.9, RTA/x11', ''])(
    'is any but a WebSocket: "%s"',
    async (offer) => {
      const [answer] = await answersTo(post(QUERY, `Connection: Upgrade\r\nUpgrade: ${offer}\r\n`));
      expect(answer?.[0]).toBe(200);
    },
  );

  it('is also a WebSocket by POST, which none can begin with', async () => {
    const [answer] = await answersTo(post(QUERY, 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
    expect(answer?.[0]).toBe(200);
  });

  it('ends a connection that wants to be ended', async () => {
    const connection = new Connection();
    connection.write(get('/healthz', 'Connection: Upgrade, close\r\nUpgrade: h2c\r\n'));
    expect((await connection.answer())[0]).toBe(200);
    await expect(connection.answer()).rejects.toThrow('Closed');
  });
});

it('A WebSocket is taken at /graphql, and answered 404 elsewhere', async () => {
  const bare = await bareSocket(gateway.url);
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  bare.socket.close();
  await bare.closed;
  const offer = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  expect((await answersTo(get('/healthz', offer)))[0]?.[0]).toBe(404);
});

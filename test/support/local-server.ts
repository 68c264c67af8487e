/** Real servers on this machine with behaviour defined by a test. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface LocalServer {
  readonly url: string;
  /** Requests that arrived completely. */
  readonly received: Received[];
  readonly connections: () => number;
  close(): Promise<void>;
}

export type Answer = (request: Received, response: http.ServerResponse) => void;

/** An HTTP server; `answer` is called once a request has arrived completely. */
export async function httpServer(answer: Answer): Promise<LocalServer> {
  const received: Received[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { method = '', url: path = '', headers } = request;
    const json = text === '' ? {} : JSON.parse(text);
    const one: Received = { method, path, headers, text, json };
    received.push(one);
    answer(one, response);
  });
  return await listening(server, 'http', received, () => server.closeAllConnections());
}

/** A TCP server that speaks whatever `onSocket` writes. */
export async function rawServer(
  scheme: 'http' | 'https',
  onSocket: (socket: net.Socket) => void,
): Promise<LocalServer> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    // Connections may be reset by the other side.
    socket.on('error', () => {});
    onSocket(socket);
  });
  return await listening(server, scheme, [], () => {
    for (const socket of sockets) socket.destroy();
  });
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return text(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

export function text(status: number, body: string, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body);
  };
}

/** A promise that is resolved from outside. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

async function listening(
  server: net.Server,
  scheme: string,
  received: Received[],
  drop: () => void,
): Promise<LocalServer> {
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    received,
    connections: () => connections,
    async close() {
      const closed = once(server, 'close');
      server.close();
      drop();
      await closed;
    },
  };
}

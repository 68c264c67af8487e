/** A proxy that opens tunnels (CONNECT, RFC 9110, section 9.3.6) to where a test's names lead. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Gate } from './gate.js';

export const PROXY_PASSWORD = 's3cret-of-the-proxy';

/** Answers with this status, or does this instead of answering. */
export type ProxyFault = number | 'hangs up' | 'resets' | 'is silent' | 'speaks another protocol';

export interface ConnectProxy {
  /** With the user name and password that it requires. */
  readonly url: string;
  /** Where clients wanted to be led, like `akool.test:443`, in order. */
  readonly asked: readonly string[];
  /** How many connections clients made. */
  readonly connections: () => number;
  /** For every request that follows; null: none. */
  fault: ProxyFault | null;
  /** Holds requests for tunnels; it is open at first. */
  gate: Gate;
  stop(): Promise<void>;
}

/** @param leads the URL of a server on this machine for each `name:port`; others are answered with 502 */
export async function startConnectProxy(leads: ReadonlyMap<string, string>): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((_request, response) => void response.writeHead(405).end());
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket.on('error', () => {}));
  });
  server.on('connect', async ({ url = '', headers }: IncomingMessage, client: Socket) => {
    asked.push(url);
    await proxy.gate.pass();
    const { fault } = proxy;
    const expected = `Basic ${btoa(`me:${PROXY_PASSWORD}`)}`;
    const lead = leads.get(url);
    if (fault === 'is silent') return;
    if (fault === 'hangs up') client.end();
    else if (fault === 'resets') client.resetAndDestroy();
    else if (fault === 'speaks another protocol') client.end('SSH-2.0-OpenSSH_9.2\r\n');
    else if (fault !== null) answer(client, fault);
    else if (headers['proxy-authorization'] !== expected) answer(client, 407);
    else if (lead === undefined) answer(client, 502);
    else tunnel(client, lead, sockets);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: ConnectProxy = {
    url: `http://me:${PROXY_PASSWORD}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    connections: () => connections,
    fault: null,
    gate: new Gate(),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  proxy.gate.open();
  return proxy;
}

function answer(client: Socket, status: number): void {
  client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
}

function tunnel(client: Socket, lead: string, sockets: Set<Socket>): void {
  const { hostname, port } = new URL(lead);
  const upstream = connect(Number(port), hostname, () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    client.pipe(upstream).pipe(client);
  });
  sockets.add(upstream);
  upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
}

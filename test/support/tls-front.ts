/**
 * A TLS server in front of one without TLS, with the certificate in fixtures/tls: for `localhost` and
 * `*.outside.test`, signed by a CA that is unknown to all without `CA_FILE`.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';

export interface TlsFront {
  /** The target's URL through it, with the name in the certificate or with another host. */
  url(host?: string): URL;
  stop(): Promise<void>;
}

export const CA_FILE = fixture('ca.pem');

/** @param target PostgreSQL, whose clients request TLS first, or a server with TLS from the start */
export async function startTlsFront(target: string): Promise<TlsFront> {
  const { protocol, hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const identity = { key: readFileSync(fixture('key.pem')), cert: readFileSync(fixture('cert.pem')) };
  const secure = (socket: Socket): void => {
    const client = new TLSSocket(socket, { isServer: true, ...identity });
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => to.destroy()).pipe(to);
    }
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (!protocol.startsWith('postgres')) return secure(socket);
    // PostgreSQL's protocol, section 55.2.11: the client requests TLS, `S` agrees.
    socket.once('data', () => socket.write('S', () => secure(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const own = (server.address() as AddressInfo).port;
  return {
    url: (host = 'localhost') => {
      const url = new URL(target);
      url.host = `${host}:${own}`;
      return url;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
}

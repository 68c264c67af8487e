/**
 * A server that speaks TLS in front of one that does not, with the certificate of fixtures/tls: for `localhost`,
 * signed by a CA that nobody knows unless they are given `CA_FILE`.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';

export interface TlsFront {
  /** The target's address through it, under the name in the certificate, or by another host. */
  url(host?: string): URL;
  stop(): Promise<void>;
}

export const CA_FILE = fixture('ca.pem');

/** @param target PostgreSQL, whose clients ask for TLS first, or anything that speaks TLS from the start */
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
    // PostgreSQL's protocol, section 55.2.11: the client asks, `S` says yes.
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

/**
 * Stands between a client and a service, to do what networks do: fall silent, refuse, cut, and lose an answer.
 *
 *     const proxy = await startProxy('postgres://postgres@127.0.0.1:5432/x');
 *     connectTo(proxy.url);
 *     await proxy.become('silent');
 *     proxy.toClient = (bytes) => (bytes.includes('COMMIT') ? 'cut' : 'pass');
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.js';

/**
 * - `on`: all passes.
 * - `silent`: nothing passes and nothing is closed, as when packets are dropped. What is sent meanwhile arrives
 *   when it is `on` again, as TCP would send it again.
 * - `away`: nobody listens, and what was connected is reset.
 */
export type ProxyMode = 'on' | 'silent' | 'away';

/** What becomes of bytes: `cut` resets the connection, `silence` makes this one connection silent for good. */
export type Passage = 'pass' | 'cut' | 'silence';

/** Sees bytes before they pass, in pieces of any size, and by which connection. */
export type ProxyHook = (bytes: Buffer, connection: object) => Passage;

export interface TcpProxy {
  /** The target's address, through the proxy. */
  readonly url: string;
  readonly port: number;
  /** Where new connections lead. */
  target: string;
  readonly mode: ProxyMode;
  /** How many are open. */
  readonly connections: number;
  toServer: ProxyHook;
  toClient: ProxyHook;
  become(mode: ProxyMode): Promise<void>;
  /** Resets every connection, once. */
  cut(): void;
  stop(): Promise<void>;
}

const pass: ProxyHook = () => 'pass';

/** @param target an address with a host and a port, of any scheme */
export async function startProxy(target: string): Promise<TcpProxy> {
  const proxy = new ForwardingProxy(target, await freePort());
  await proxy.become('on');
  return proxy;
}

class ForwardingProxy implements TcpProxy {
  readonly port: number;
  readonly #pairs = new Set<Pair>();
  target: string;
  #server: Server | null = null;
  #mode: ProxyMode = 'away';
  toServer = pass;
  toClient = pass;

  constructor(target: string, port: number) {
    this.target = target;
    this.port = port;
  }

  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async become(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === 'away') {
      const server = this.#server;
      this.#server = null;
      const closed = new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
      this.cut();
      await closed;
      return;
    }
    this.#server ??= await this.#listen();
    for (const pair of this.#pairs) pair.silent = mode === 'silent';
  }

  cut(): void {
    for (const pair of this.#pairs) pair.cut();
  }

  stop(): Promise<void> {
    return this.become('away');
  }

  async #listen(): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const { hostname, port } = new URL(this.target);
      const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
      const pair: Pair = new Pair(client, upstream, {
        toServer: (bytes) => this.toServer(bytes, pair),
        toClient: (bytes) => this.toClient(bytes, pair),
        onClose: () => this.#pairs.delete(pair),
      });
      this.#pairs.add(pair);
      pair.silent = this.#mode === 'silent';
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    return server;
  }
}

interface PairHooks {
  readonly toServer: (bytes: Buffer) => Passage;
  readonly toClient: (bytes: Buffer) => Passage;
  readonly onClose: () => void;
}

/** A client's connection, and the one to the service that it stands for. */
class Pair {
  readonly #sides: readonly [client: Socket, upstream: Socket];
  readonly #onClose: () => void;
  #isSilent = true;
  #isSilentForGood = false;
  #isClosed = false;
  /** One side is gone; the other one hears of it when there is no silence. */
  #isBroken = false;

  constructor(client: Socket, upstream: Socket, { toServer, toClient, onClose }: PairHooks) {
    this.#sides = [client, upstream];
    this.#onClose = onClose;
    upstream.pause();
    this.#join(client, upstream, toServer);
    this.#join(upstream, client, toClient);
  }

  set silent(isSilent: boolean) {
    if (this.#isSilentForGood || this.#isClosed) return;
    this.#isSilent = isSilent;
    if (this.#isBroken && !isSilent) this.cut();
    for (const side of this.#sides) {
      if (isSilent) side.pause();
      else side.resume();
    }
  }

  cut(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const side of this.#sides) {
      if (side.connecting) side.destroy();
      else side.resetAndDestroy();
    }
    this.#onClose();
  }

  #join(from: Socket, to: Socket, hook: (bytes: Buffer) => Passage): void {
    from.setNoDelay(true);
    from.on('data', (bytes: Buffer) => {
      if (this.#isClosed) return;
      switch (hook(bytes)) {
        case 'pass':
          if (!to.write(bytes)) from.pause();
          return;
        case 'cut':
          return this.cut();
        case 'silence':
          this.silent = true;
          this.#isSilentForGood = true;
      }
    });
    to.on('drain', () => {
      if (!this.#isSilent) from.resume();
    });
    from.on('end', () => to.end());
    from.on('error', () => {});
    from.on('close', (hadError) => {
      this.#isBroken ||= hadError;
      if (this.#isBroken ? !this.#isSilent : to.closed) this.cut();
    });
  }
}

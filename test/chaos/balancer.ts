/** A TCP load balancer: each connection goes to any gateway that accepts it. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Balancer {
  readonly #ports: readonly number[];
  readonly #server: Server;
  #turn = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer((client) => {
      client.on('error', () => client.destroy());
      this.#turn += 1;
      this.#handOn(client, this.#turn, ports.length);
    });
  }

  /** Resolves with its URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Does not wait for open connections: they end with their gateways. */
  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handOn(client: Socket, turn: number, triesLeft: number): void {
    const port = this.#ports[turn % this.#ports.length];
    if (port === undefined || triesLeft === 0 || client.destroyed) {
      client.destroy();
      return;
    }
    const gateway = connect(port, '127.0.0.1');
    const next = () => this.#handOn(client, turn + 1, triesLeft - 1);
    gateway.once('error', next);
    gateway.once('connect', () => {
      gateway.off('error', next);
      for (const [one, other] of [
        [client, gateway],
        [gateway, client],
      ] as const) {
        one.once('error', () => other.destroy());
        one.once('close', () => other.destroy());
        one.pipe(other);
      }
    });
  }
}

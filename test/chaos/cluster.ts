/** All gateways of a run, addressed as one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.js';
import { Balancer } from './balancer.js';
import { Gateway } from './gateway.js';

export interface ClusterOptions {
  /** The script to run. */
  readonly program: string;
  readonly folder: string;
  readonly instances: number;
  readonly env: Readonly<Record<string, string>>;
  readonly mayFailToStart: (startedAt: number) => boolean;
}

export class Cluster {
  /** The URL at which customers and Akool reach any of them. */
  readonly url: string;
  readonly gateways: readonly [Gateway, ...Gateway[]];
  readonly #balancer: Balancer | null;
  /** Restarts that are still pending. */
  readonly #pauses = new Set<Promise<void>>();

  private constructor(url: string, gateways: Cluster['gateways'], balancer: Balancer | null) {
    this.url = url;
    this.gateways = gateways;
    this.#balancer = balancer;
  }

  /** Creates the gateways without starting them. */
  static async at({ instances, env, ...options }: ClusterOptions): Promise<Cluster> {
    const firstPort = await freePort();
    const ports = [firstPort];
    while (ports.length < instances) ports.push(await freePort());
    const balancer = instances > 1 ? new Balancer(ports) : null;
    const url = (await balancer?.start()) ?? `http://127.0.0.1:${firstPort}`;
    const gatewayAt = (port: number) => new Gateway({ ...options, port, env: { ...env, PUBLIC_URL: url } });
    return new Cluster(url, [gatewayAt(firstPort), ...ports.slice(1).map(gatewayAt)], balancer);
  }

  /** Every exit of a gateway that was not killed. */
  get faints(): readonly string[] {
    return this.gateways.flatMap(({ faints }) => faints);
  }

  /** Returns before they are ready. */
  start(): void {
    for (const gateway of this.gateways) gateway.start();
  }

  /** Restarts these gateways after a delay. */
  startLater(gateways: readonly Gateway[], ms: number): void {
    const pause: Promise<void> = sleep(ms).then(() => {
      for (const gateway of gateways) gateway.start();
      this.#pauses.delete(pause);
    });
    this.#pauses.add(pause);
  }

  /** Resolves when all of them serve requests. */
  async ready(signal: AbortSignal): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.ready(signal)));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#pauses);
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
  }

  /** Asks all of them to stop, and returns how each exited. */
  stop(): Promise<readonly string[]> {
    return Promise.all(this.gateways.map((gateway) => gateway.stop()));
  }

  /** Kills everything for good. */
  async close(): Promise<void> {
    await this.kill();
    await this.#balancer?.stop();
  }
}

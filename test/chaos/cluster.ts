/** All gateways of a run, seen from outside as one. */
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
  /** Where customers and Akool reach any of them. */
  readonly url: string;
  readonly gateways: readonly [Gateway, ...Gateway[]];
  readonly #balancer: Balancer | null;
  /** Gateways that are to be started again a little later. */
  readonly #pauses = new Set<Promise<void>>();

  private constructor(url: string, gateways: Cluster['gateways'], balancer: Balancer | null) {
    this.url = url;
    this.gateways = gateways;
    this.#balancer = balancer;
  }

  /** None of them is started yet. */
  static async at({ instances, env, ...options }: ClusterOptions): Promise<Cluster> {
    const firstPort = await freePort();
    const ports = [firstPort];
    while (ports.length < instances) ports.push(await freePort());
    const balancer = instances > 1 ? new Balancer(ports) : null;
    const url = (await balancer?.start()) ?? `http://127.0.0.1:${firstPort}`;
    const gatewayAt = (port: number) => new Gateway({ ...options, port, env: { ...env, PUBLIC_URL: url } });
    return new Cluster(url, [gatewayAt(firstPort), ...ports.slice(1).map(gatewayAt)], balancer);
  }

  /** How often any of them ended although nobody had killed it, and how. */
  get faints(): readonly string[] {
    return this.gateways.flatMap(({ faints }) => faints);
  }

  /** Does not wait until they are ready. */
  start(): void {
    for (const gateway of this.gateways) gateway.start();
  }

  /** Starts those of them again in so many milliseconds. */
  startLater(gateways: readonly Gateway[], ms: number): void {
    const pause: Promise<void> = sleep(ms).then(() => {
      for (const gateway of gateways) gateway.start();
      this.#pauses.delete(pause);
    });
    this.#pauses.add(pause);
  }

  /** Resolves when all serve. */
  async ready(signal: AbortSignal): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.ready(signal)));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#pauses);
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
  }

  /** Asks all to stop; how each ended. */
  stop(): Promise<readonly string[]> {
    return Promise.all(this.gateways.map((gateway) => gateway.stop()));
  }

  /** Kills what runs, for good. */
  async close(): Promise<void> {
    await this.kill();
    await this.#balancer?.stop();
  }
}

/** Kills gateways again and again, at moments that hurt, and starts them again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatePoint, Sandbox } from '../../src/sandbox/sandbox.js';
import type { Cluster } from './cluster.js';
import { Dice } from './dice.js';
import type { Gateway } from './gateway.js';

const MOMENTS = [
  /** While it works, whatever it does. */
  'any',
  'any',
  /** While it starts. */
  'starting',
  /** Its submit is at Akool, which has not decided yet. */
  'submit',
  /** Its submit is accepted and billed, the answer not sent. */
  'accepted',
  /** Its submit was answered this very moment. */
  'answered',
  /** A webhook arrives this very moment. */
  'webhook',
  /** It asks for results. */
  'results',
  /** It looks for faces. */
  'detect',
  /** It fetches a result. */
  'media',
] as const;

/** How long to wait for a moment that does not come. */
const PATIENCE_MS = 2500;
/** Of several gateways all are killed so often, otherwise one. */
const ALL = 0.25;
/** One of several is started again at once so often; otherwise the others have to take over what it did. */
const AT_ONCE = 0.5;
/** And then no later than this. */
const AWAY_MS = 4000;

export class Killer {
  readonly #cluster: Cluster;
  readonly #sandbox: Sandbox;
  readonly #dice: Dice;
  readonly #signal: AbortSignal;
  #kills = 0;
  #waiting: { readonly kills: number; readonly go: () => void }[] = [];

  constructor(parts: { cluster: Cluster; sandbox: Sandbox; seed: number; signal: AbortSignal }) {
    this.#cluster = parts.cluster;
    this.#sandbox = parts.sandbox;
    this.#dice = new Dice(parts.seed, 'kills');
    this.#signal = parts.signal;
  }

  /** Resolves after so many kills. */
  after(kills: number): Promise<void> {
    if (this.#kills >= kills) return Promise.resolve();
    return new Promise((go) => {
      this.#waiting.push({ kills, go });
    });
  }

  async run(kills: number): Promise<void> {
    let victims: readonly Gateway[] = [];
    while (this.#kills < kills && !this.#signal.aborted) {
      const moment = this.#dice.pick(MOMENTS);
      const afterMs = this.#dice.roll();
      if (moment === 'starting' && victims.length > 0) {
        await sleep(50 + afterMs * 900);
      } else {
        victims = this.#pick();
        await Promise.all(victims.map((gateway) => gateway.ready(this.#signal)));
      }
      if (moment === 'any') await sleep(afterMs * 2000);
      const release = isGatePoint(moment) ? await this.#holdAt(moment, afterMs) : () => {};
      await Promise.all(victims.map((gateway) => gateway.kill()));
      release();
      this.#revive(victims);
      this.#kills += 1;
      const due = this.#waiting.filter((one) => one.kills <= this.#kills);
      this.#waiting = this.#waiting.filter((one) => one.kills > this.#kills);
      for (const { go } of due) go();
    }
    for (const { go } of this.#waiting.splice(0)) go();
  }

  #pick(): readonly Gateway[] {
    const { gateways } = this.#cluster;
    if (gateways.length === 1 || this.#dice.chance(ALL)) return gateways;
    return [this.#dice.pick(gateways)];
  }

  #revive(victims: readonly Gateway[]): void {
    const isAlone = victims.length === this.#cluster.gateways.length;
    if (isAlone || this.#dice.chance(AT_ONCE)) for (const gateway of victims) gateway.start();
    else this.#cluster.startLater(victims, this.#dice.between(0, AWAY_MS));
  }

  /** Waits until a gateway and the sandbox meet at the point; returns what ends their meeting. */
  async #holdAt(moment: GateMoment, luck: number): Promise<() => void> {
    await sleep(luck * 1000);
    const gate = this.#sandbox.hold(moment === 'answered' ? 'accepted' : moment);
    await Promise.race([gate.arrived, sleep(PATIENCE_MS)]);
    if (moment !== 'answered' && moment !== 'webhook') return () => gate.release();
    // Let go first: whatever the gateway does with it takes some milliseconds, and dies in one of them.
    gate.release();
    await sleep(luck * 8);
    return () => {};
  }
}

type GateMoment = Extract<GatePoint, (typeof MOMENTS)[number]> | 'answered';

function isGatePoint(moment: (typeof MOMENTS)[number]): moment is GateMoment {
  return moment !== 'any' && moment !== 'starting';
}

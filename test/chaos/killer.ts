/** Kills gateways at awkward moments, and restarts them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatePoint, Sandbox } from '../../src/sandbox/sandbox.js';
import type { Cluster } from './cluster.js';
import { Dice } from './dice.js';
import type { Gateway } from './gateway.js';

const MOMENTS = [
  /** At a random time. */
  'any',
  'any',
  /** During its start. */
  'starting',
  /** While its submit is at Akool, undecided. */
  'submit',
  /** When its submit is accepted and billed, but not yet answered. */
  'accepted',
  /** Just after its submit was answered. */
  'answered',
  /** Just as a callback arrives. */
  'webhook',
  /** While it polls. */
  'results',
  /** While it detects faces. */
  'detect',
  /** While it downloads a result. */
  'media',
] as const;

/** How long to wait for such a moment. */
const PATIENCE_MS = 2500;
/** Probability that all gateways are killed instead of one. */
const ALL = 0.25;
/** Probability of an immediate restart; otherwise the other gateways have to take over. */
const AT_ONCE = 0.5;
/** The longest delay of a later restart. */
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

  /** Kills so far. */
  get kills(): number {
    return this.#kills;
  }

  /** Resolves after this many kills. */
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

  /** Waits until the sandbox is at this point of a request; returns the function that releases it. */
  async #holdAt(moment: GateMoment, luck: number): Promise<() => void> {
    await sleep(luck * 1000);
    const gate = this.#sandbox.hold(moment === 'answered' ? 'accepted' : moment);
    await Promise.race([gate.arrived, sleep(PATIENCE_MS)]);
    if (moment !== 'answered' && moment !== 'webhook') return () => gate.release();
    // Release it first: processing takes the gateway some milliseconds, during which it is killed.
    gate.release();
    await sleep(luck * 8);
    return () => {};
  }
}

type GateMoment = Extract<GatePoint, (typeof MOMENTS)[number]> | 'answered';

function isGatePoint(moment: (typeof MOMENTS)[number]): moment is GateMoment {
  return moment !== 'any' && moment !== 'starting';
}

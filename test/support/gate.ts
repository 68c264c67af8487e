/** Forces the order of events that would otherwise race. */
import { setTimeout as sleep } from 'node:timers/promises';

/** A point in the code under test that reports its arrival and waits to be released. */
export class Gate {
  readonly #arrivals: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  #count = 0;
  #open = false;

  /** Called by the code to be held; resolves when it may continue. */
  async pass(): Promise<void> {
    this.#count += 1;
    for (const arrived of this.#arrivals.splice(0)) arrived();
    if (!this.#open) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when this many have arrived in total. */
  async arrived(count = 1): Promise<void> {
    while (this.#count < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  /** Releases all that wait, and all that arrive later. */
  open(): void {
    this.#open = true;
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** The same as for `expect.poll`, and below a test's limit, so that the failed condition is reported. */
const UNTIL_MS = 15_000;

/** What does not come within so many turns of the event loop comes from elsewhere, which needs the processor. */
const QUICK_TURNS = 50;
const PAUSE_MS = 5;

/** Resolves when `isSo` returns true; checks after each turn of the event loop, and later every few milliseconds. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + UNTIL_MS;
  for (let turn = 0; !(await isSo()); turn += 1) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${isSo}`);
    await (turn < QUICK_TURNS ? new Promise((resolve) => setImmediate(resolve)) : sleep(PAUSE_MS));
  }
}

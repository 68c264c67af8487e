/** Forces the order of things that would otherwise race. */

/** A place in the code under test that says "I have arrived" and waits to be let go. */
export class Gate {
  readonly #arrivals: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  #count = 0;
  #open = false;

  /** Called by the code that is to be held; resolves when it may go on. */
  async pass(): Promise<void> {
    this.#count += 1;
    for (const arrived of this.#arrivals.splice(0)) arrived();
    if (!this.#open) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when so many have arrived since the beginning. */
  async arrived(count = 1): Promise<void> {
    while (this.#count < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  /** Lets those go who wait, and everybody who comes. */
  open(): void {
    this.#open = true;
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** As long as `expect.poll` waits, and below what a test may take, so that what is waited for in vain is named. */
const UNTIL_MS = 15_000;

/** Resolves when `isSo` holds; looks after each turn of the event loop. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + UNTIL_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${isSo}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

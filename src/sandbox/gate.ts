/**
 * Gates let a test stop the sandbox at a chosen line: whoever comes to a held point says so and waits to be let
 * go. So races are forced instead of slept for.
 */
import { Stopped } from './timers.js';

/**
 * Where a gate can stand. `submit`: a valid submit came, nothing is accepted yet. `accepted`: accepted and
 * billed, not answered yet. `webhook`: before each try to deliver one. The others: before the answer.
 */
export type GatePoint =
  | 'submit'
  | 'accepted'
  | 'results'
  | 'delete'
  | 'credit'
  | 'token'
  | 'detect'
  | 'media'
  | 'webhook';

export interface Gate {
  /** Resolves when the first one stands at the gate. */
  readonly arrived: Promise<void>;
  /** How many stand at the gate now. */
  readonly waiting: number;
  /** Lets everybody through and takes the gate away. */
  release(): void;
}

export class Gates {
  readonly #held = new Map<GatePoint, HeldGate>();

  /** Holds everybody who comes to the point from now on, until released. */
  hold(point: GatePoint): Gate {
    const standing = this.#held.get(point);
    if (standing) return standing;
    const gate = new HeldGate(() => this.#held.delete(point));
    this.#held.set(point, gate);
    return gate;
  }

  async pass(point: GatePoint): Promise<void> {
    await this.#held.get(point)?.pass();
  }

  /** Turns away whoever is waiting, with {@link Stopped}. */
  abandon(): void {
    for (const gate of this.#held.values()) gate.abandon();
    this.#held.clear();
  }
}

class HeldGate implements Gate {
  readonly #takeAway: () => void;
  readonly #arrival = deferred();
  #standing: Deferred[] = [];

  constructor(takeAway: () => void) {
    this.#takeAway = takeAway;
  }

  get arrived(): Promise<void> {
    return this.#arrival.promise;
  }

  get waiting(): number {
    return this.#standing.length;
  }

  pass(): Promise<void> {
    const visitor = deferred();
    this.#standing.push(visitor);
    this.#arrival.resolve();
    return visitor.promise;
  }

  release(): void {
    this.#takeAway();
    for (const visitor of this.#standing.splice(0)) visitor.resolve();
  }

  abandon(): void {
    for (const visitor of this.#standing.splice(0)) visitor.reject(new Stopped());
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(reason: Error): void;
}

function deferred(): Deferred {
  let resolve: () => void = () => {};
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

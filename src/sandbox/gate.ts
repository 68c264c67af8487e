/**
 * Gates let a test pause the sandbox at a chosen point: a call that reaches a held point reports it and waits
 * until it is released. So tests can force races instead of sleeping.
 */
import { Stopped } from './timers.js';

/**
 * The points that a gate can hold. `submit`: a valid submit has arrived, but is not accepted yet. `accepted`: it was
 * accepted and billed, but not answered yet. `webhook`: before each attempt to deliver a callback. The others: before
 * the answer.
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
  /** Resolves when the first call reaches the gate. */
  readonly arrived: Promise<void>;
  /** The number of calls now waiting at the gate. */
  readonly waiting: number;
  /** Lets all calls through and removes the gate. */
  release(): void;
}

export class Gates {
  readonly #held = new Map<GatePoint, HeldGate>();

  /** Holds every call that reaches the point from now on, until released. */
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

  /** Rejects all waiting calls with {@link Stopped}. */
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

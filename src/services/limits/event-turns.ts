/**
 * Spreads events over several turns of the event loop, because an update of a job may have thousands of followers with
 * expensive selections, and others must be served in between. An event that reads a lot gets another turn of its own.
 * Tenants take turns, and within a tenant the follow tokens of each job, so heavy followers mostly delay their own
 * events.
 */
import type { Owner } from '../auth/caller.js';
import { SMALL_BYTES } from './held-bytes.js';
import { TenantLines } from './tenant-lines.js';

/** Calls `give` when it is this follower's turn: at once or later. */
export type InTurn = (give: () => void) => void;

export const atOnce: InTurn = (give) => give();

/** The total cost of the events in one turn of the event loop, in the unit of `costOf`; takes 2 to 5 ms. */
const MAX_TURN_COST = 10_000;
/** The cost of each event in addition to its fields. */
const EVENT_COST = 200;

interface Waiting {
  readonly cost: number;
  readonly give: () => void;
}

export class EventTurns {
  readonly #lines = new TenantLines<Waiting>();
  #spent = 0;
  #isTurnDue = false;

  /** @param cost the cost of the operation */
  take(caller: Owner, cost: number, give: () => void): void {
    this.#expectTurn();
    const next = { cost: cost + EVENT_COST, give };
    if (this.#lines.isEmpty && this.#spent < MAX_TURN_COST) this.#give(next);
    else this.#lines.add(caller, next);
  }

  /** Call it before `bytes` are read for an event. Returns undefined, or resolves, when it may continue. */
  read(caller: Owner, bytes: number): Promise<void> | undefined {
    if (bytes <= SMALL_BYTES) return undefined;
    return new Promise((resolve) => this.take(caller, MAX_TURN_COST, resolve));
  }

  #expectTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnDue = false;
    this.#spent = 0;
    while (this.#spent < MAX_TURN_COST) {
      const next = this.#lines.next();
      if (next === undefined) break;
      this.#give(next);
    }
    // Needed even if nothing is waiting, to reset `#spent`.
    if (this.#spent > 0) this.#expectTurn();
  };

  #give({ cost, give }: Waiting): void {
    this.#spent += cost;
    give();
  }
}

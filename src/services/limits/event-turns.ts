/**
 * Events are given to their followers in turns: an update of a job may have thousands of followers who each ask for
 * much of it, and between two turns everybody else is served. An event for which much is read takes another turn,
 * for itself: how often it is told is up to the operation. Tenants go in turn, and within one the tokens of each
 * job, so that who follows a lot delays their own events most.
 */
import type { Caller } from '../auth/caller.js';
import { SMALL_BYTES } from './held-bytes.js';
import { TenantLines } from './tenant-lines.js';

/** Calls it when it is this follower's turn: at once, or later. */
export type InTurn = (give: () => void) => void;

export const atOnce: InTurn = (give) => give();

/** What the events of one turn of the event loop cost together, as operations cost: 1 to 3 ms. */
const MAX_TURN_COST = 5000;
/** What each event costs beside its fields. */
const EVENT_COST = 200;

interface Waiting {
  readonly cost: number;
  readonly give: () => void;
}

type Owner = Pick<Caller, 'tenant' | 'onlyJob'>;

export class EventTurns {
  readonly #lines = new TenantLines<Waiting>();
  #spent = 0;
  #isTurnDue = false;

  /** @param cost of the operation */
  take(caller: Owner, cost: number, give: () => void): void {
    this.#expectTurn();
    const next = { cost: cost + EVENT_COST, give };
    if (this.#lines.isEmpty && this.#spent < MAX_TURN_COST) this.#give(next);
    else this.#lines.add(caller, next);
  }

  /** So many bytes are about to be read for an event. Undefined, or resolved, when it may go on. */
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
    // Also for nobody: what is spent counts for one turn.
    if (this.#spent > 0) this.#expectTurn();
  };

  #give({ cost, give }: Waiting): void {
    this.#spent += cost;
    give();
  }
}

/**
 * Dear queries run in turns: one begins, and before the next one everybody else is served.
 * Tenants go in turn, each with a few under way and the others in line, and within one the tokens of each job.
 *
 * A query is dear by what it asks for and what is read for it, added up while it runs: so one whose document looks
 * modest, and whose jobs were submitted with large requests, waits in the middle.
 */
import { GatewayError } from '../../errors.js';
import type { Caller } from '../auth/caller.js';
import { Shares } from './shares.js';
import { TenantLines } from './tenant-lines.js';

/** What a query costs, as operations cost, that waits for nobody: a page of 50 jobs with their pictures is dearer. */
const MAX_DIRECT_COST = 5000;
/** So many that are read cost as much as a field. */
const BYTES_PER_COST = 512;
/** Of the event loop, between two beginnings: in each it accepts no more than one of those who connect. */
const TURNS_BETWEEN = 20;
/** Dear queries of one tenant that are under way. */
const MAX_AT_ONCE = 2;
/** Dear queries of all tenants that wait. One tenant's fill at most half of what the others leave. */
const MAX_WAITING = 1000;
const RETRY_AFTER_SECONDS = 1;

type Owner = Pick<Caller, 'tenant' | 'onlyJob'>;

/** What stands between an operation and what is read for it. */
export interface Turn {
  /**
   * So many bytes are about to be read. Undefined, or resolved, when the operation may go on.
   *
   * @throws GatewayError RATE_LIMITED when too many wait already
   */
  read(bytes: number): Promise<void> | undefined;
  /** The answer is made: the next may come. Safe to call twice. */
  end(): void;
}

/** Of mutations, which run field by field. */
export const noTurn: Turn = { read: () => undefined, end: () => {} };

interface Place {
  readonly caller: Owner;
  readonly begin: () => void;
  isWaiting: boolean;
  isUnderWay: boolean;
}

export class QueryTurns {
  readonly #lines = new TenantLines<Place>();
  readonly #waiting = new Shares(MAX_WAITING);
  /** How many are under way, by tenant. */
  readonly #underWay = new Map<string, number>();
  /** Of the event loop, before the next may begin. */
  #turnsLeft = 0;

  /** @param onceLeft takes what is to be called when the caller has left; at once where that is so */
  open(caller: Owner, onceLeft: (leave: () => void) => void): QueryTurn {
    return new QueryTurn(caller, onceLeft, this);
  }

  /** Calls `begin` when it is its turn. @throws GatewayError RATE_LIMITED */
  enter(caller: Owner, begin: () => void): Place {
    const place: Place = { caller, begin, isWaiting: false, isUnderWay: false };
    if (this.#turnsLeft === 0 && this.#lines.isEmpty && this.#hasRoom(caller.tenant)) {
      this.#begin(place);
      return place;
    }
    if (!this.#waiting.take(caller, 1)) throw tooMany();
    place.isWaiting = true;
    this.#lines.add(caller, place);
    this.#expectTurn();
    return place;
  }

  /** It gives up its place in line, if it has one. */
  leave(place: Place): void {
    if (!place.isWaiting) return;
    this.#lines.remove(place.caller, place);
    this.#advance(place);
  }

  /** It is over, wherever it was. */
  end(place: Place): void {
    this.leave(place);
    if (!place.isUnderWay) return;
    place.isUnderWay = false;
    this.#count(place.caller.tenant, -1);
    this.#expectTurn();
  }

  #begin(place: Place): void {
    place.isUnderWay = true;
    this.#count(place.caller.tenant, 1);
    this.#expectTurn();
    place.begin();
  }

  /** From the line to what comes after it. */
  #advance(place: Place): void {
    place.isWaiting = false;
    this.#waiting.take(place.caller, -1);
  }

  #expectTurn(): void {
    if (this.#turnsLeft > 0) return;
    this.#turnsLeft = TURNS_BETWEEN;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnsLeft -= 1;
    if (this.#turnsLeft > 0) {
      setImmediate(this.#turn);
      return;
    }
    const next = this.#lines.next((tenant) => this.#hasRoom(tenant));
    if (next === undefined) return;
    this.#advance(next);
    this.#begin(next);
  };

  #hasRoom(tenant: string): boolean {
    return (this.#underWay.get(tenant) ?? 0) < MAX_AT_ONCE;
  }

  #count(tenant: string, more: number): void {
    const count = (this.#underWay.get(tenant) ?? 0) + more;
    if (count > 0) this.#underWay.set(tenant, count);
    else this.#underWay.delete(tenant);
  }
}

/** Of one query. */
export class QueryTurn implements Turn {
  readonly #caller: Owner;
  readonly #onceLeft: (leave: () => void) => void;
  readonly #turns: QueryTurns;
  #cost = 0;
  #place: Place | null = null;
  /** Resolves when it is under way. */
  #begun: Promise<void> | undefined;
  #refuse: (() => void) | null = null;
  #isLeft = false;

  constructor(caller: Owner, onceLeft: (leave: () => void) => void, turns: QueryTurns) {
    this.#caller = caller;
    this.#onceLeft = onceLeft;
    this.#turns = turns;
  }

  read(bytes: number): Promise<void> | undefined {
    return this.take(bytes / BYTES_PER_COST);
  }

  /**
   * It costs so much more.
   *
   * @throws GatewayError RATE_LIMITED
   */
  take(cost: number): Promise<void> | undefined {
    this.#cost += cost;
    if (this.#cost <= MAX_DIRECT_COST) return undefined;
    this.#begun ??= new Promise((resolve, reject) => {
      // Most queries never wait, so nothing listens for them.
      this.#onceLeft(() => this.#leave());
      if (this.#isLeft) throw hasLeft();
      this.#refuse = () => reject(hasLeft());
      this.#place = this.#turns.enter(this.#caller, resolve);
    });
    return this.#begun;
  }

  end(): void {
    this.#leave();
    if (this.#place !== null) this.#turns.end(this.#place);
  }

  /** Its caller has left: it waits no longer, and goes on only where it has begun. */
  #leave(): void {
    this.#isLeft = true;
    if (this.#place === null) return;
    this.#turns.leave(this.#place);
    this.#refuse?.();
  }
}

function hasLeft(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'The caller has left before it was the turn of this query.');
}

function tooMany(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'Too many of your queries wait for their turn; ask again later.', {
    extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}

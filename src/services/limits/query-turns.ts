/**
 * Lets expensive queries begin one at a time, and serves everyone else in between. Tenants take turns, and within a
 * tenant the follow tokens of each job; each tenant has a few running queries, and the others wait in line.
 *
 * The cost of a query is the cost of its document plus that of what it reads, added up while it runs. So a query with a
 * modest document whose jobs have large requests may have to wait midway.
 */
import { GatewayError } from '../../errors.js';
import type { Owner } from '../auth/caller.js';
import { Shares } from './shares.js';
import { TenantLines } from './tenant-lines.js';

/** Queries up to this cost, in the unit of `costOf`, never wait. A page of 50 jobs with their pictures costs more. */
const MAX_DIRECT_COST = 5000;
/** Reading this many bytes costs as much as one field. */
const BYTES_PER_COST = 512;
/** Turns of the event loop between two expensive queries. The loop accepts at most one new connection per turn. */
const TURNS_BETWEEN = 20;
/** The maximum number of running expensive queries per tenant. */
const MAX_AT_ONCE = 2;
/** The maximum number of waiting expensive queries. A tenant gets at most half of what the others leave. */
const MAX_WAITING = 1000;
const RETRY_AFTER_SECONDS = 1;

/** Consulted before anything large is read for an operation. */
export interface Turn {
  /**
   * Call it before `bytes` are read. Returns undefined, or resolves, when the operation may continue.
   *
   * @throws GatewayError RATE_LIMITED if too many are waiting already
   */
  read(bytes: number): Promise<void> | undefined;
  /** Call it when the answer is complete, so that the next query may begin. Safe to call twice. */
  end(): void;
}

/** For mutations, which run field by field. */
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
  /** The number of running queries by tenant. */
  readonly #underWay = new Map<string, number>();
  /** Turns of the event loop until the next query may begin. */
  #turnsLeft = 0;

  /**
   * @param onceLeft registers a function to call when the client leaves; calls it at once if the client has already
   *   left
   */
  open(caller: Owner, onceLeft: (leave: () => void) => void): QueryTurn {
    return new QueryTurn(caller, onceLeft, this);
  }

  /** Calls `begin` when it is the query's turn. @throws GatewayError RATE_LIMITED */
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

  /** Gives up the place in line, if there is one. */
  leave(place: Place): void {
    if (!place.isWaiting) return;
    this.#lines.remove(place.caller, place);
    this.#advance(place);
  }

  /** Ends the query, whether it runs or waits. */
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

  /** Takes a place out of the line. */
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

/** The turn of one query. */
class QueryTurn implements Turn {
  readonly #caller: Owner;
  readonly #onceLeft: (leave: () => void) => void;
  readonly #turns: QueryTurns;
  #cost = 0;
  #place: Place | null = null;
  /** Resolves when the query's turn begins. */
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
   * Adds to the cost of the query.
   *
   * @throws GatewayError RATE_LIMITED
   */
  take(cost: number): Promise<void> | undefined {
    this.#cost += cost;
    if (this.#cost <= MAX_DIRECT_COST) return undefined;
    this.#begun ??= new Promise((resolve, reject) => {
      // Registered only now, because most queries never wait.
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

  /** The client has left: a waiting query is refused; a running one continues. */
  #leave(): void {
    this.#isLeft = true;
    if (this.#place === null) return;
    this.#turns.leave(this.#place);
    this.#refuse?.();
  }
}

function hasLeft(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'The client left before this query started.');
}

function tooMany(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'Too many of your queries are waiting; try again later.', {
    extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}

/** Running subscriptions: limits their number and documents per caller, and orders their events. */
import type { DocumentNode } from 'graphql';
import { GatewayError } from '../errors.js';
import type { Caller } from '../services/auth/caller.js';
import { EventTurns } from '../services/limits/event-turns.js';
import { Shares } from '../services/limits/shares.js';
import type { DocumentsInUse } from './documents-in-use.js';
import type { Run } from './operation.js';

export class Subscriptions {
  readonly #most: number;
  readonly #number: Shares;
  readonly #documents: DocumentsInUse;
  readonly #turns = new EventTurns();

  /** @param most the maximum number of subscriptions of all callers */
  constructor(most: number, documents: DocumentsInUse) {
    this.#most = most;
    this.#documents = documents;
    this.#number = new Shares(most);
  }

  /** @throws GatewayError RATE_LIMITED */
  begin(caller: Caller, document: DocumentNode): Run {
    const use = this.#documents.begin(caller, document);
    if (!this.#number.take(caller, 1)) {
      use.end();
      throw tooMany(this.#most);
    }
    let isOver = false;
    return {
      document: use.document,
      inTurn: (give) => this.#turns.take(caller, use.cost, give),
      turn: { read: (bytes) => this.#turns.read(caller, bytes), end: () => {} },
      end: () => {
        if (isOver) return;
        isOver = true;
        use.end();
        this.#number.take(caller, -1);
      },
    };
  }
}

function tooMany(most: number): GatewayError {
  return new GatewayError(
    'RATE_LIMITED',
    `You hold your full share of the maximum number of subscriptions, ${most}; end some before you begin more.`,
    { extensions: { retryAfterSeconds: 1 } },
  );
}

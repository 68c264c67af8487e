/** A socket, whose it is, and until when. */
import { CloseCode } from 'graphql-ws';
import { GatewayError } from '../errors.js';
import type { CallerContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import type { Caller } from '../services/auth/caller.js';
import { Connection, TRY_AGAIN_LATER } from './websocket-transport.js';

/** For a client that is not let in to close its socket. */
const REFUSED_CLOSE_MS = 1000;
/** What a timer can count, in milliseconds; a longer life is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class CallersConnection extends Connection {
  /** Null until they have said who they are. */
  context: CallerContext | null = null;
  /** Where it comes from. */
  address = '';
  /** Until then they must have said who they are; after that, until their credentials run out. */
  #deadline: NodeJS.Timeout | undefined;

  /** Whose its messages are: its tenant's, or of where it comes from. */
  get sender(): string {
    const { context, address } = this;
    return JSON.stringify(context === null ? { address } : { tenant: context.caller.tenant });
  }

  closeUnlessConnectedWithin(ms: number): void {
    this.#deadline = setTimeout(
      () => this.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
      ms,
    );
  }

  /** Checked once, at the connect; a timer does the rest, so that no operation pays for checking again. */
  closeAtExpiry(caller: Pick<Caller, 'expiresAt'>): void {
    if (caller.expiresAt === null) return;
    const left = caller.expiresAt - Date.now();
    if (left <= 0) {
      this.leave(CloseCode.Forbidden, 'The credentials have run out');
      return;
    }
    this.#deadline = setTimeout(() => this.closeAtExpiry(caller), Math.min(left, LONGEST_TIMER_MS));
  }

  clearDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /**
   * They are not let in. graphql-ws clients give up on 4401 and come back after the others: fresh credentials help
   * only then.
   */
  refuse(error: unknown, reportUnexpected: (error: unknown) => void): void {
    if (error instanceof AuthenticationError) {
      const isExpired = error.reason === 'expired';
      this.close(isExpired ? CloseCode.Forbidden : CloseCode.Unauthorized, error.message);
    } else if (error instanceof GatewayError) {
      this.close(TRY_AGAIN_LATER, error.message);
    } else {
      reportUnexpected(error);
      this.close(CloseCode.InternalServerError, 'Internal server error');
    }
    // Its place is not to be kept by not answering.
    setTimeout(() => this.socket.terminate(), REFUSED_CLOSE_MS).unref();
  }
}

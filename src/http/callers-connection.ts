/** A socket with its caller and the deadline of its credentials. */
import { CloseCode } from 'graphql-ws';
import { GatewayError } from '../errors.js';
import type { CallerContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import type { Caller } from '../services/auth/caller.js';
import { Connection, TRY_AGAIN_LATER } from './websocket-transport.js';

/** How long a refused client may take to close its socket. */
const REFUSED_CLOSE_MS = 1000;
/** The longest delay of a timer, in milliseconds; for a longer life, a new timer is set then. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class CallersConnection extends Connection {
  /** Null until the client has authenticated. */
  context: CallerContext | null = null;
  /** The client's IP address. */
  address = '';
  /** Ends the time to authenticate; after that, the life of the credentials. */
  #deadline: NodeJS.Timeout | undefined;

  /** Identifies the sender: the tenant, or the address before authentication. */
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

  /** Credentials are checked once, when connecting; a timer enforces their expiry. */
  closeAtExpiry(caller: Pick<Caller, 'expiresAt'>): void {
    if (caller.expiresAt === null) return;
    const left = caller.expiresAt - Date.now();
    if (left <= 0) {
      this.leave(CloseCode.Forbidden, 'The credentials have run out');
      return;
    }
    this.#deadline = setTimeout(() => this.closeAtExpiry(caller), Math.min(left, MAX_TIMER_MS));
  }

  clearDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /**
   * Closes the socket of a client that is not let in. graphql-ws clients give up on 4401 and reconnect after other
   * codes, so expired credentials get another one.
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
    // It must not keep its place by not responding.
    setTimeout(() => this.socket.terminate(), REFUSED_CLOSE_MS).unref();
  }
}

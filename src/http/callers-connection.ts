/** A socket with its caller and the deadline of its credentials. */
import { CloseCode } from 'graphql-ws';
import { GatewayError } from '../errors.js';
import type { CallerContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import type { Caller } from '../services/auth/caller.js';
import { atExpiry } from './expiry.js';
import { Connection, TRY_AGAIN_LATER } from './websocket-transport.js';

/** How long a refused client may take to close its socket. */
const REFUSED_CLOSE_MS = 1000;

/** At most 123 bytes fit into a close frame. */
const MISSING =
  'Send connectionParams: {"authorization": "Bearer …"}, with an API key, a JWT or a follow token.';

function nothing(): void {}

export class CallersConnection extends Connection {
  /** Null until the client has authenticated. */
  context: CallerContext | null = null;
  /** The client's IP address. */
  address = '';
  /** The `Authorization` of the handshake, until the client has authenticated; browsers can't send one. */
  authorization: string | undefined;
  /** Cancels the deadline: of authentication, then of the credentials. */
  #cancelDeadline = nothing;

  /** Identifies the sender: the tenant, or the address before authentication. */
  get sender(): string {
    const { context, address } = this;
    return JSON.stringify(context === null ? { address } : { tenant: context.caller.tenant });
  }

  takeAuthorization(): string | undefined {
    const { authorization } = this;
    this.authorization = undefined;
    return authorization;
  }

  closeUnlessConnectedWithin(ms: number): void {
    const timer = setTimeout(
      () => this.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
      ms,
    );
    this.#cancelDeadline = () => clearTimeout(timer);
  }

  /** Credentials are checked once, when connecting; a timer enforces their expiry. */
  closeAtExpiry({ expiresAt }: Pick<Caller, 'expiresAt'>): void {
    if (expiresAt === null) return;
    this.#cancelDeadline = atExpiry(expiresAt, () =>
      this.leave(CloseCode.Forbidden, 'The credentials have expired'),
    );
  }

  clearDeadline(): void {
    this.#cancelDeadline();
    this.#cancelDeadline = nothing;
  }

  /**
   * Closes the socket of a refused client. graphql-ws clients give up on 4401 but reconnect after other codes, so
   * expired credentials get a different code.
   */
  refuse(error: unknown, reportUnexpected: (error: unknown) => void): void {
    if (error instanceof AuthenticationError) {
      const isExpired = error.reason === 'expired';
      const isMissing = error.reason === 'missing';
      this.close(
        isExpired ? CloseCode.Forbidden : CloseCode.Unauthorized,
        isMissing ? MISSING : error.message,
      );
    } else if (error instanceof GatewayError) {
      this.close(TRY_AGAIN_LATER, error.message);
    } else {
      reportUnexpected(error);
      this.close(CloseCode.InternalServerError, 'Internal server error');
    }
    // A client must not keep its place by not responding.
    setTimeout(() => this.socket.terminate(), REFUSED_CLOSE_MS).unref();
  }
}

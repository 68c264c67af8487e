/**
 * The older way in: a token, got once with the client id and secret, and sent as `Authorization: Bearer`.
 *
 * States of the keeper: no token → getting one → has one. A token that Akool turned down (1101, 1102) is
 * replaced once, however many calls it failed for: a call names the token that failed it, and gets the present
 * one when that is another already, else joins the one getToken in flight.
 */
import { readToken } from './answers.js';
import { AkoolCallError } from './call-error.js';
import { envelopeOf } from './call-result.js';
import { Deadline } from './deadline.js';
import { tokenRequest } from './requests.js';
import type { Transport } from './transport.js';
import { verdictOf } from './verdict.js';

export interface TokenKeeperOptions {
  readonly transport: Transport;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Milliseconds for one getToken. */
  readonly timeoutMs: number;
}

export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  #token: string | null = null;
  #renewal: Promise<string> | null = null;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  /** The present token, null before the first: for keeping it out of messages. */
  get present(): string | null {
    return this.#token;
  }

  /**
   * A token to try, other than `failed`.
   *
   * @throws AkoolCallError when getToken failed, for every call that waited for it; the next call tries again
   */
  async token(failed: string | null = null): Promise<string> {
    if (this.#token !== null && this.#token !== failed) return this.#token;
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = null;
    });
    return await this.#renewal;
  }

  async #renew(): Promise<string> {
    const { transport, clientId, clientSecret, timeoutMs } = this.#options;
    const { method, path, body } = tokenRequest(clientId, clientSecret);
    // A deadline of its own: the call that happened to come first may be stopped, the others still want it.
    const deadline = new Deadline(timeoutMs);
    try {
      const headers = { 'content-type': 'application/json' };
      const exchange = await transport.send(
        { method, path, headers, body: JSON.stringify(body) },
        { signal: deadline.signal, line: 'questions' },
      );
      const token = readToken(envelopeOf(verdictOf(exchange), [clientId, clientSecret]));
      if (token === null) throw new AkoolCallError('UNREADABLE', "Akool's getToken answer holds no token.");
      this.#token = token;
      return token;
    } finally {
      deadline.dispose();
    }
  }
}

/**
 * The older way to authenticate: a token, obtained with the client id and secret, and sent as `Authorization:
 * Bearer`.
 *
 * States: no token → getting one → has one. A token that Akool rejected (1101, 1102) is replaced once,
 * however many calls it failed for: a call passes the token that failed, and gets the current one if that has
 * already changed; otherwise it joins the getToken call in flight.
 */

import { envelopeOf } from './answer-errors.js';
import { readToken } from './answers.js';
import { AkoolCallError } from './call-error.js';
import { Deadline } from './deadline.js';
import { tokenRequest } from './requests.js';
import type { Transport } from './transport.js';
import { verdictOf } from './verdict.js';

interface TokenKeeperOptions {
  readonly transport: Transport;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The timeout of one getToken call, in milliseconds. */
  readonly timeoutMs: number;
}

export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  #token: string | null = null;
  #renewal: Promise<string> | null = null;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  /** The current token, to be removed from messages; null before the first. */
  get present(): string | null {
    return this.#token;
  }

  /**
   * Returns a token other than `failed`.
   *
   * @throws AkoolCallError if getToken failed, for every call that waited for it; the next call retries
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
    // A separate deadline: if the first call is stopped, the others still need the token.
    const deadline = new Deadline(timeoutMs);
    try {
      const headers = { 'content-type': 'application/json' };
      const exchange = await transport.send(
        { method, path, headers, body: JSON.stringify(body) },
        { signal: deadline.signal, line: 'questions' },
      );
      const token = readToken(envelopeOf(verdictOf(exchange), [clientId, clientSecret]));
      if (token === null)
        throw new AkoolCallError('UNREADABLE', "Akool's getToken answer contains no token.");
      this.#token = token;
      return token;
    } finally {
      deadline.dispose();
    }
  }
}

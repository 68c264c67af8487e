/** Authentication: `x-api-key: KEY`, or `Authorization: Bearer TOKEN` with a token from getToken. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './refusal.js';

export class Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Tokens of an older generation have expired. */
  #generation = 0;

  constructor(clientId: string, clientSecret: string) {
    this.clientId = clientId;
    this.clientSecret = clientSecret;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The keys that sign and encrypt callbacks. */
  get sealing(): { clientId: string; clientSecret: string } {
    return { clientId: this.clientId, clientSecret: this.clientSecret };
  }

  /** Restores the generation from a journal. */
  restore(generation: number): void {
    this.#generation = generation;
  }

  /** If both headers are sent, Authorization wins and the key is ignored. @throws Refusal 1101 or 1102 */
  check(headers: IncomingHttpHeaders): void {
    const authorization = headers.authorization;
    const key = headers['x-api-key'];
    if (authorization) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      if (!token || !this.#isValid(token)) throw new Refusal(1101);
    } else if (typeof key !== 'string' || key === '') throw new Refusal(1102);
    else if (!same(key, this.clientSecret)) throw new Refusal(1101);
  }

  /** @throws Refusal 1003, 1101 or 1109 */
  issueToken(clientId: unknown, clientSecret: unknown): string {
    if (typeof clientId !== 'string' || clientId === '') throw new Refusal(1003, 'clientId is required');
    if (typeof clientSecret !== 'string' || clientSecret === '')
      throw new Refusal(1003, 'clientSecret is required');
    if (!same(clientId, this.clientId)) throw new Refusal(1109);
    if (!same(clientSecret, this.clientSecret)) throw new Refusal(1101);
    const claim = `${this.#generation}.${randomBytes(9).toString('base64url')}`;
    return `${claim}.${this.#mac(claim)}`;
  }

  /** From now on, every token issued so far gets 1101. */
  expireTokens(): void {
    this.#generation++;
  }

  #isValid(token: string): boolean {
    const end = token.lastIndexOf('.');
    const claim = token.slice(0, end);
    return same(token.slice(end + 1), this.#mac(claim)) && Number.parseInt(claim, 10) === this.#generation;
  }

  #mac(claim: string): string {
    return createHmac('sha256', this.clientSecret).update(claim).digest('base64url');
  }
}

function same(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

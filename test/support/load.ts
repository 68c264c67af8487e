/** A steady load of queries and submits, and the outcome of each. */
import { Agent, request } from 'undici';
import { oneFace } from './caller.js';
import { SUBMIT, textOf } from './operations.js';

export interface Outcome {
  /** On the monotonic clock, in milliseconds. */
  readonly sentAt: number;
  /** `ok`, `HTTP 503`, or the code of a network error. */
  readonly what: string;
}

const MAX_ANSWER_MS = 20_000;
const QUERY = JSON.stringify({ query: '{ jobs(first: 1) { edges { node { id } } } }' });
const MUTATION = JSON.stringify({ query: textOf(SUBMIT), variables: { input: oneFace() } });

export class Load {
  readonly outcomes: Outcome[] = [];
  readonly #url: string;
  readonly #agent = new Agent();
  readonly #callers: readonly Promise<void>[];
  #isOver = false;

  /** Each of the callers sends one request after the other. */
  constructor(url: string, callers: number) {
    this.#url = `${url}/graphql`;
    this.#callers = Array.from({ length: callers }, async () => {
      for (let i = 0; !this.#isOver; i++) await this.#ask(i % 2 === 0 ? QUERY : MUTATION);
    });
  }

  /** Failed requests that were sent within this period. */
  failures({ after = 0, until = Number.POSITIVE_INFINITY } = {}): readonly Outcome[] {
    return this.outcomes.filter(({ sentAt, what }) => sentAt > after && sentAt <= until && what !== 'ok');
  }

  /** Resolves when all are answered. Safe to call twice. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
    await this.#agent.close().catch(() => {});
  }

  async #ask(body: string): Promise<void> {
    const sentAt = performance.now();
    let what: string;
    try {
      const answer = await request(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(MAX_ANSWER_MS),
      });
      const text = await answer.body.text();
      what = answer.statusCode !== 200 ? `HTTP ${answer.statusCode}` : /"errors"/.test(text) ? text : 'ok';
    } catch (error) {
      what = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
    this.outcomes.push({ sentAt, what });
  }
}

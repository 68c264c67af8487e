/**
 * The other tenant: asks for its jobs at a steady pace, whether or not the last answer has come, submits one job
 * after the other, and opens sockets. In a thread of its own, so that what it measures is not the attacker's work.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';
import { LIST, NOT_COMPLETED, SUBMIT } from './bystander-documents.js';
import { BYSTANDER_KEY } from './callers.js';
import { inParallel } from './target.js';

export interface Sample {
  /** When it was sent, in milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
  /** How long of it the gateway's main thread was at work: what it would take on a machine that is idle. */
  readonly busyMs: number;
  /** What came in place of an answer. */
  readonly failure: string | null;
}

export interface BystanderReport {
  readonly queries: readonly Sample[];
  /** Of the gateway that nobody attacks, at the same moments. */
  readonly control: readonly Sample[];
  readonly sockets: readonly Sample[];
  /** In the order in which they were made; each has its number in its addresses. */
  readonly submits: readonly Sample[];
  /** How those of its jobs stand that did not come to a good end. */
  readonly notCompleted: readonly string[];
}

export interface BystanderOptions {
  readonly url: string;
  /** The process of the gateway. */
  readonly pid: number;
  readonly controlUrl: string;
}

const WARM_UP_QUERIES = 600;
const WARM_UP_AT_ONCE = 4;
const WARM_UP_SUBMITS = 6;
const QUERY_EVERY_MS = 40;
const SUBMIT_EVERY_MS = 500;
const SOCKET_EVERY_MS = 1000;
const ANSWER_TIMEOUT_MS = 60_000;
const ENDS_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 250;
const GONE = () => ({ statusCode: 0, text: '' });

function submitOf(path: string, idempotencyKey: string | null = null) {
  return {
    query: SUBMIT,
    variables: { input: { sourceImage: [{ path }], targetImage: [{ path }], idempotencyKey } },
  };
}

interface EndedJob {
  readonly status: string;
  readonly error: { readonly code: string } | null;
}

/** Where each submit has its number. */
export function addressOf(nth: number): string {
  return `https://example.com/bystander/${nth}.jpg`;
}

export function numberIn(address: string): number | null {
  const nth = /\/bystander\/(\d+)\.jpg$/.exec(address)?.[1];
  return nth === undefined ? null : Number(nth);
}

export class Bystander {
  readonly #options: BystanderOptions;
  readonly #agent = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });
  readonly #over = new AbortController();
  readonly #underWay: Promise<void>[] = [];
  readonly #report = {
    queries: [] as Sample[],
    control: [] as Sample[],
    sockets: [] as Sample[],
    submits: [] as Sample[],
  };

  constructor(options: BystanderOptions) {
    this.#options = options;
  }

  /** What runs for the first time is slow, and takes memory: that is nobody's attack. */
  async warmUp(): Promise<void> {
    for (const url of [this.#options.url, this.#options.controlUrl]) {
      await inParallel(WARM_UP_QUERIES, WARM_UP_AT_ONCE, () => this.#post(url, { query: LIST }));
      await inParallel(WARM_UP_SUBMITS, 1, (i) =>
        this.#post(url, submitOf(`https://example.com/warm/${i}.jpg`)),
      );
    }
  }

  start(): void {
    const { url, controlUrl } = this.#options;
    const { queries, control, sockets, submits } = this.#report;
    const list = (of: string) => () => this.#post(of, { query: LIST });
    this.#every(QUERY_EVERY_MS, () => this.#sample(queries, list(url)));
    this.#every(QUERY_EVERY_MS, () => this.#sample(control, list(controlUrl)));
    this.#every(SOCKET_EVERY_MS, () => this.#sample(sockets, () => this.#openSocket()));
    this.#underWay.push(
      (async () => {
        for (let nth = 0; await this.#pause(SUBMIT_EVERY_MS); nth += 1) {
          const submit = submitOf(addressOf(nth), `bystander-${nth}`);
          await this.#sample(submits, () => this.#post(url, submit));
          // It writes what the other one writes, for a disk that is slow is slow for both.
          void this.#post(controlUrl, submitOf(addressOf(nth))).catch(() => {});
        }
      })(),
    );
  }

  /** Waits until its jobs have ended, for a while. */
  async stop(): Promise<BystanderReport> {
    this.#over.abort();
    await Promise.all(this.#underWay);
    const until = Date.now() + ENDS_LIMIT_MS;
    let notCompleted = await this.#notCompleted();
    while (notCompleted.length > 0 && Date.now() < until) {
      await sleep(LOOK_EVERY_MS);
      notCompleted = await this.#notCompleted();
    }
    await this.#agent.destroy();
    return { ...this.#report, notCompleted };
  }

  async #notCompleted(): Promise<readonly string[]> {
    const { statusCode, text } = await this.#send(this.#options.url, { query: NOT_COMPLETED }).catch(GONE);
    if (statusCode !== 200) return [`cannot be asked about: ${statusCode}`];
    const { data } = JSON.parse(text) as { data: { jobs: { edges: readonly { node: EndedJob }[] } } };
    return data.jobs.edges.map(({ node: { status, error } }) => `${status} ${error?.code ?? ''}`.trimEnd());
  }

  /** Whether or not the last one is done. */
  #every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(() => this.#underWay.push(work()), ms);
    this.#over.signal.addEventListener('abort', () => clearInterval(timer));
  }

  async #sample(into: Sample[], work: () => Promise<string | null>): Promise<void> {
    const at = Date.now();
    const busy = this.#busyMs();
    const failure = await work().catch((error: unknown) => String(error));
    into.push({ at, ms: Date.now() - at, busyMs: Math.round(this.#busyMs() - busy), failure });
  }

  /** How long the gateway's main thread has been at work since it began; 0 when it is gone. */
  #busyMs(): number {
    const { pid } = this.#options;
    try {
      return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e6;
    } catch {
      return 0;
    }
  }

  async #post(url: string, operation: object): Promise<string | null> {
    const { statusCode, text } = await this.#send(url, operation);
    return statusCode === 200 && !text.includes('"errors"') ? null : `${statusCode} ${text.slice(0, 200)}`;
  }

  async #send(url: string, operation: object): Promise<{ statusCode: number; text: string }> {
    const { statusCode, body } = await request(`${url}/graphql`, {
      dispatcher: this.#agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${BYSTANDER_KEY}` },
      body: JSON.stringify(operation),
    });
    return { statusCode, text: await body.text() };
  }

  /** Opens one, says who it is, and leaves. */
  #openSocket(): Promise<string | null> {
    const socket = new WebSocket(
      `${this.#options.url.replace(/^http/, 'ws')}/graphql`,
      'graphql-transport-ws',
      {
        handshakeTimeout: ANSWER_TIMEOUT_MS,
      },
    );
    return new Promise((resolve) => {
      socket.once('error', (error) => resolve(error.message));
      socket.once('close', (code) => resolve(`closed with ${code}`));
      socket.once('open', () =>
        socket.send(
          JSON.stringify({
            type: 'connection_init',
            payload: { authorization: `Bearer ${BYSTANDER_KEY}` },
          }),
        ),
      );
      socket.once('message', () => {
        resolve(null);
        socket.close();
      });
    });
  }

  /** False when it is over. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#over.signal }).catch(() => {});
    return !this.#over.signal.aborted;
  }
}

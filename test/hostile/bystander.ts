/**
 * The other tenant: queries its jobs at a steady pace, whether or not the last response has arrived, submits
 * jobs one after the other, and opens sockets. It has its own thread, so that its measurements do not include
 * the attacker's work.
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
  /** The share in which the gateway's main thread was working, as on an otherwise idle machine. */
  readonly busyMs: number;
  /** What happened instead of a valid response. */
  readonly failure: string | null;
}

export interface BystanderReport {
  readonly queries: readonly Sample[];
  /** Queries at the control gateway, at the same moments. */
  readonly control: readonly Sample[];
  readonly sockets: readonly Sample[];
  /** In order; the picture URLs contain the submit's number. */
  readonly submits: readonly Sample[];
  /** The states of its jobs that did not complete. */
  readonly notCompleted: readonly string[];
}

export interface BystanderOptions {
  readonly url: string;
  /** The gateway's process. */
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

/** A picture URL that contains the submit's number. */
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

  /** First runs are slow and take memory, which must not count against the attack. */
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
          // The control writes the same, because a slow disk delays both.
          void this.#post(controlUrl, submitOf(addressOf(nth))).catch(() => {});
        }
      })(),
    );
  }

  /** Waits for its jobs to end, up to a limit. */
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

  /** Does not wait for the previous run. */
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

  /** Milliseconds for which the gateway's main thread has worked since its start; 0 if it is gone. */
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

  /** Opens a socket, authenticates, and closes it. */
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

  /** Returns false once the run is over. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#over.signal }).catch(() => {});
    return !this.#over.signal.aborted;
  }
}

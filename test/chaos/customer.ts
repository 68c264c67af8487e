/**
 * A front end under chaos: submits with an idempotency key and again until there is an answer, follows each
 * job over graphql-ws, and after each lost connection goes on after the last version it has seen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Order, Tenant } from './orders.js';

export interface Answered {
  readonly id: string;
  readonly deduplicated: boolean;
}

export interface SeenUpdate {
  readonly version: number;
  readonly status: string;
}

/** What one follower saw of one job. */
export interface Sighting {
  readonly id: string;
  /** As they came, over all its connections. */
  readonly updates: SeenUpdate[];
  /** The gateway said that this was all. */
  completed: boolean;
  /** Why it was turned away, if it was. */
  refusal: string | null;
}

export interface HistoryLine extends SeenUpdate {
  readonly at: string;
  readonly note: string | null;
}

export interface FoundJob extends SeenUpdate {
  readonly id: string;
  readonly error: { readonly code: string; readonly providerCode: number | null } | null;
  readonly history: readonly HistoryLine[];
}

/** An answer that sending the same again won't change. */
export class RefusedError extends Error {}

const SUBMIT = {
  submitFaceSwap: `mutation Submit($input: SubmitFaceSwapInput!) {
    submit: submitFaceSwap(input: $input) { deduplicated job { id } } }`,
  submitFaceSwapPlus: `mutation SubmitPlus($input: SubmitFaceSwapPlusInput!) {
    submit: submitFaceSwapPlus(input: $input) { deduplicated job { id } } }`,
};
const FOLLOW = `subscription Follow($id: ID!, $afterVersion: Int) {
  jobUpdated(id: $id, afterVersion: $afterVersion) { version status } }`;
const JOB = `query Job($id: ID!) {
  job(id: $id) { id version status error { code providerCode } history { version status at note } } }`;
const JOBS = `query Jobs($after: String) {
  jobs(first: 100, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } } }`;
const CANCEL = 'mutation Cancel($id: ID!) { cancelJob(id: $id) { status } }';

/** Codes of mistakes; whatever else may be better the next time. */
const FOR_GOOD = new Set([
  'BAD_USER_INPUT',
  'IDEMPOTENCY_CONFLICT',
  'CONFLICT',
  'NOT_FOUND',
  'UNAUTHENTICATED',
]);
/** Longer than any request may take, so that those which do are seen. */
const REQUEST_TIMEOUT_MS = 20_000;

export class Customer {
  readonly #url: string;
  readonly #tenant: Tenant;
  readonly #signal: AbortSignal;
  readonly #sockets: readonly Client[];
  /** Of its requests, until they were answered, refused or cut, in milliseconds. */
  readonly tookMs: number[] = [];

  constructor(parts: { url: string; tenant: Tenant; sockets: number; signal: AbortSignal }) {
    this.#url = parts.url;
    this.#tenant = parts.tenant;
    this.#signal = parts.signal;
    this.#sockets = Array.from({ length: parts.sockets }, () =>
      createClient({
        url: `${parts.url.replace(/^http/, 'ws')}/graphql`,
        webSocketImpl: CuttableSocket,
        connectionParams: { authorization: `Bearer ${parts.tenant.apiKey}` },
        retryAttempts: 0,
      }),
    );
  }

  /** @throws RefusedError; or, when the time is up, what went wrong last */
  async submit({ mutation, input }: Order): Promise<Answered> {
    const { submit } = await this.#untilAnswered<{
      submit: { deduplicated: boolean; job: { id: string } };
    }>(SUBMIT[mutation], { input });
    return { id: submit.job.id, deduplicated: submit.deduplicated };
  }

  /** Takes a job back if it still waits. */
  async cancel(id: string): Promise<void> {
    try {
      await this.#untilAnswered(CANCEL, { id });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }

  async find(id: string): Promise<FoundJob | null> {
    return (await this.#untilAnswered<{ job: FoundJob | null }>(JOB, { id })).job;
  }

  /** The ids of all jobs that the tenant has. */
  async list(): Promise<readonly string[]> {
    const ids: string[] = [];
    let after: string | null = null;
    do {
      const { jobs }: { jobs: JobsPage } = await this.#untilAnswered<{ jobs: JobsPage }>(JOBS, { after });
      ids.push(...jobs.edges.map(({ node }) => node.id));
      after = jobs.pageInfo.hasNextPage ? jobs.pageInfo.endCursor : null;
    } while (after !== null);
    return ids;
  }

  /** Until the gateway says that this is all, or refuses, or the time is up. */
  async follow(sighting: Sighting, nth: number): Promise<void> {
    const socket = this.#sockets[nth % this.#sockets.length];
    const patience = new Patience();
    while (socket !== undefined && !this.#signal.aborted) {
      const afterVersion = sighting.updates.at(-1)?.version ?? null;
      try {
        const query = { query: FOLLOW, variables: { id: sighting.id, afterVersion } };
        for await (const { data, errors } of socket.iterate<{ jobUpdated: SeenUpdate }>(query)) {
          if (errors !== undefined) throw errors;
          patience.reset();
          if (data != null) sighting.updates.push(data.jobUpdated);
        }
        sighting.completed = true;
        return;
      } catch (error) {
        if (Array.isArray(error) && error.some(isForGood)) {
          sighting.refusal = messagesOf(error);
          return;
        }
      }
      await patience.wait();
    }
  }

  /** Cuts a connection, as a train does in a tunnel. */
  cut(nth: number): void {
    this.#sockets[nth % this.#sockets.length]?.terminate();
  }

  leave(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async #untilAnswered<Data>(query: string, variables: Record<string, unknown>): Promise<Data> {
    const patience = new Patience();
    for (;;) {
      try {
        return await this.#ask<Data>(query, variables);
      } catch (error) {
        if (error instanceof RefusedError || this.#signal.aborted) throw error;
      }
      await patience.wait();
    }
  }

  async #ask<Data>(query: string, variables: Record<string, unknown>): Promise<Data> {
    const askedAt = performance.now();
    const answer = await this.#post<Data>(JSON.stringify({ query, variables })).finally(() =>
      this.tookMs.push(performance.now() - askedAt),
    );
    const { data, errors = [] } = answer;
    if (errors.some(isForGood)) throw new RefusedError(messagesOf(errors));
    if (data == null || errors.length > 0) throw new Error(messagesOf(errors));
    return data;
  }

  async #post<Data>(body: string): Promise<{ data?: Data | null; errors?: readonly unknown[] }> {
    const response = await fetch(`${this.#url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#tenant.apiKey}` },
      body,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return (await response.json()) as { data?: Data | null; errors?: readonly unknown[] };
  }
}

/** The pauses between tries, as a good client makes them: longer and longer, and never the same. */
class Patience {
  #ceilingMs = FIRST_PAUSE_MS;

  async wait(): Promise<void> {
    await sleep(this.#ceilingMs * (0.5 + Math.random() / 2));
    this.#ceilingMs = Math.min(MAX_PAUSE_MS, this.#ceilingMs * 2);
  }

  reset(): void {
    this.#ceilingMs = FIRST_PAUSE_MS;
  }
}

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 800;

/** Cut while it connects, a socket of `ws` reports that when nobody listens any more. */
class CuttableSocket extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols);
    this.on('error', () => {});
  }
}

interface JobsPage {
  readonly edges: readonly { readonly node: { readonly id: string } }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

interface Told {
  readonly message?: string;
  readonly extensions?: { readonly code?: string };
}

function isForGood(error: unknown): boolean {
  return FOR_GOOD.has((error as Told).extensions?.code ?? '');
}

function messagesOf(errors: readonly unknown[]): string {
  return errors.map((error) => `${(error as Told).extensions?.code}: ${(error as Told).message}`).join('; ');
}

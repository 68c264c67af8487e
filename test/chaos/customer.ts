/**
 * A front end under chaos: repeats each submit with an idempotency key until it is answered, follows each job
 * over graphql-ws, and resumes after each lost connection from the last version it has seen.
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
  /** In order of arrival, across all its connections. */
  readonly updates: SeenUpdate[];
  /** The gateway completed the subscription. */
  completed: boolean;
  /** Why the follower was refused, if it was. */
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

export interface SeenUpload {
  readonly id: string;
  readonly status: string;
}

export interface AnnouncedFile {
  readonly id: string;
  readonly url: string;
  readonly putUrl: string;
}

/** Repeating the request would not change the answer. */
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
const ANNOUNCE = `mutation Announce($input: CreateUploadInput!) {
  createUpload(input: $input) { upload { id url putUrl } } }`;
const UPLOADS = '{ uploads(first: 100) { edges { node { id status } } } }';
const DELETE_UPLOAD = 'mutation Delete($id: ID!) { deleteUpload(id: $id) }';
const CANCEL = 'mutation Cancel($id: ID!) { cancelJob(id: $id) { status } }';

/** Codes of permanent errors; anything else may succeed on a retry. */
const FOR_GOOD = new Set([
  'BAD_USER_INPUT',
  'IDEMPOTENCY_CONFLICT',
  'CONFLICT',
  'NOT_FOUND',
  'UNAUTHENTICATED',
]);
/** Longer than the limit for requests, so that slow ones are measured. */
const REQUEST_TIMEOUT_MS = 20_000;

export class Customer {
  readonly #url: string;
  readonly #tenant: Tenant;
  readonly #signal: AbortSignal;
  readonly #sockets: readonly Client[];
  /** Durations until its requests were answered, refused or cut, in milliseconds. */
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

  /** @throws RefusedError; or the last error, once the time is up */
  async submit({ mutation, input }: Order): Promise<Answered> {
    const { submit } = await this.#untilAnswered<{
      submit: { deduplicated: boolean; job: { id: string } };
    }>(SUBMIT[mutation], { input });
    return { id: submit.job.id, deduplicated: submit.deduplicated };
  }

  /** Announces a picture of this size. */
  async announce(byteSize: number): Promise<AnnouncedFile> {
    const input = { contentType: 'image/png', byteSize };
    const { createUpload } = await this.#untilAnswered<{ createUpload: { upload: AnnouncedFile } }>(
      ANNOUNCE,
      { input },
    );
    return createUpload.upload;
  }

  /** The newest uploads that the gateway shows. */
  async uploads(): Promise<readonly SeenUpload[]> {
    const { uploads } = await this.#untilAnswered<{ uploads: { edges: { node: SeenUpload }[] } }>(
      UPLOADS,
      {},
    );
    return uploads.edges.map(({ node }) => node);
  }

  /** Deletes an upload, unless an unfinished job needs it. */
  deleteUpload(id: string): Promise<void> {
    return this.#ifAllowed(DELETE_UPLOAD, id);
  }

  /** Cancels a job that is still waiting. */
  cancel(id: string): Promise<void> {
    return this.#ifAllowed(CANCEL, id);
  }

  async find(id: string): Promise<FoundJob | null> {
    return (await this.#untilAnswered<{ job: FoundJob | null }>(JOB, { id })).job;
  }

  /** The ids of all jobs of the tenant. */
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

  /** Follows until the gateway completes or refuses the subscription, or the time is up. */
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

  /** Cuts a connection, like a train entering a tunnel. */
  cut(nth: number): void {
    this.#sockets[nth % this.#sockets.length]?.terminate();
  }

  leave(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async #ifAllowed(mutation: string, id: string): Promise<void> {
    try {
      await this.#untilAnswered(mutation, { id });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
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

/** Pauses between retries: growing and jittered, as in a good client. */
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

/** A socket of `ws` that is cut while connecting emits its error after all listeners are gone. */
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

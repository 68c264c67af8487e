/**
 * The jobs of a contender that keeps them in memory: the fastest possible store, but nothing survives the
 * process.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { CallbackEvent } from '../../src/services/akool/callback.js';
import { finishedJob, openJob, type SampleJob } from '../sample-jobs.js';
import { akoolAt, type SubmitInput } from './akool.js';
import type { Settings } from './settings.js';

const STATUSES = { 1: 'QUEUED', 2: 'PROCESSING', 3: 'COMPLETED', 4: 'FAILED' } as const;

export interface JobPage {
  readonly edges: readonly { readonly cursor: string; readonly node: SampleJob }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

export class JobMap {
  readonly #byId = new Map<string, SampleJob>();
  readonly #idByToken = new Map<string, string>();
  /** Oldest first. */
  readonly #ids: string[] = [];
  readonly #submit: ReturnType<typeof akoolAt>;
  readonly #ownUrl: string;

  constructor({ stored, open, akoolUrl, port }: Settings) {
    this.#submit = akoolAt(akoolUrl);
    this.#ownUrl = `http://127.0.0.1:${port}`;
    for (let n = 0; n < open; n += 1) this.#add(openJob(n));
    for (let n = 0; n < stored; n += 1) this.#add(finishedJob(n));
  }

  find(id: string): SampleJob | null {
    return this.#byId.get(id) ?? null;
  }

  page(first: number): JobPage {
    const ids = this.#ids.slice(-first).reverse();
    const edges = ids.flatMap((id) => {
      const node = this.#byId.get(id);
      return node === undefined ? [] : [{ cursor: Buffer.from(id).toString('base64url'), node }];
    });
    return {
      edges,
      pageInfo: {
        hasNextPage: this.#ids.length > first,
        hasPreviousPage: false,
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      },
    };
  }

  async submit(input: SubmitInput): Promise<SampleJob> {
    const at = Date.now();
    const token = randomBytes(24).toString('base64url');
    const job: SampleJob = {
      ...openJob(0),
      id: randomUUID(),
      version: 1,
      status: 'WAITING',
      createdAt: at,
      updatedAt: at,
      callbackToken: token,
      sourceImage: input.sourceImage.map(({ path, opts = null }) => ({ path, opts })),
      targetImage: input.targetImage.map(({ path, opts = null }) => ({ path, opts })),
    };
    this.#add(job);
    const taken = await this.#submit(input, `${this.#ownUrl}/webhooks/akool/${token}`);
    const sent: SampleJob = { ...job, ...taken, status: 'QUEUED', version: 3, updatedAt: Date.now() };
    this.#byId.set(job.id, sent);
    return sent;
  }

  /** Returns the job after the callback, or null if the token is unknown. */
  deliver(token: string, event: CallbackEvent): SampleJob | null {
    const job = this.find(this.#idByToken.get(token) ?? '');
    if (job === null || job.providerId !== event.providerId) return null;
    const at = Date.now();
    const isDone = event.status === 3;
    const changed: SampleJob = {
      ...job,
      status: STATUSES[event.status],
      version: job.version + 1,
      updatedAt: at,
      finishedAt: isDone ? at : null,
      result:
        isDone && event.url !== null
          ? {
              url: event.url,
              providerUrl: event.url,
              providerUrlExpiresAt: at,
              archived: false,
              contentType: null,
              byteSize: null,
              sha256: null,
            }
          : null,
    };
    this.#byId.set(job.id, changed);
    return changed;
  }

  #add(job: SampleJob): void {
    this.#byId.set(job.id, job);
    this.#idByToken.set(job.callbackToken, job.id);
    this.#ids.push(job.id);
  }
}

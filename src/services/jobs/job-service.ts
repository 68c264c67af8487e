/**
 * The one door to jobs: whatever changes a job ends in `apply` here, and whoever follows one begins in
 * `watch` here.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { GatewayError, jobNotFound } from '../../errors.js';
import type { JobBus } from '../bus/job-bus.js';
import type { InTurn } from '../event-turns.js';
import type { JobFilter, JobStore, LeaseOptions, Page, PageRequest, SlotUsage } from '../store/job-store.js';
import type { Clock } from './clock.js';
import { type Following, followJob } from './follow.js';
import { TenantFollowers } from './follow-tenant.js';
import type { Change, Job, JobUpdate } from './job.js';
import type { JobEvent } from './job-event.js';
import type { JobRequest } from './job-request.js';
import { transition } from './transition.js';

export interface JobServiceSettings {
  /** How many jobs may wait. */
  readonly queueLimit: number;
  /** How long a job may wait to be sent, in milliseconds. */
  readonly queueTtlMs: number;
  /** Take submits while Akool refuses the account. */
  readonly acceptWhileBlocked: boolean;
}

/** What changed a job is told to these after the commit. Must not throw. */
export type ChangeListener = (job: Job) => void;

export class JobService {
  readonly #store: JobStore;
  readonly #bus: JobBus;
  readonly #clock: Clock;
  readonly #settings: JobServiceSettings;
  readonly #tenantFollowers: TenantFollowers;
  readonly #listeners = new Set<ChangeListener>();

  constructor(parts: {
    readonly store: JobStore;
    readonly bus: JobBus;
    readonly clock: Clock;
    readonly settings: JobServiceSettings;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#tenantFollowers = new TenantFollowers(parts);
  }

  /**
   * Stores a job, or finds the one that the idempotency key already stands for.
   *
   * @throws GatewayError QUEUE_FULL, IDEMPOTENCY_CONFLICT, PROVIDER_UNAVAILABLE while Akool refuses the account
   */
  async create(
    tenant: string,
    request: JobRequest,
    idempotencyKey: string | null,
  ): Promise<{ readonly job: Job; readonly deduplicated: boolean }> {
    const at = this.#clock.now();
    const created = await this.#store.create(
      {
        id: randomUUID(),
        tenant,
        request,
        callbackToken: randomBytes(24).toString('base64url'),
        at,
        deadlineAt: at + this.#settings.queueTtlMs,
        idempotency:
          idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprint(request) },
      },
      this.#settings.queueLimit,
      this.#settings.acceptWhileBlocked,
    );
    switch (created.kind) {
      case 'created':
        this.#announce(created.job);
        return { job: created.job, deduplicated: false };
      case 'duplicate':
        if (created.job === null || created.job.eraseAt !== null) {
          throw new GatewayError('CONFLICT', 'The job of this idempotency key was deleted; use a new key.');
        }
        return { job: created.job, deduplicated: true };
      case 'conflict':
        throw new GatewayError(
          'IDEMPOTENCY_CONFLICT',
          'This idempotency key was used with another input; use a new key for a new input.',
        );
      case 'blocked':
        throw new GatewayError(
          'PROVIDER_UNAVAILABLE',
          'Akool takes no jobs of this gateway at present; try again later.',
          { extensions: { waitingReason: created.hold.reason } },
        );
      case 'queue-full':
        throw new GatewayError('QUEUE_FULL', 'Too many jobs are waiting; try again later.');
    }
  }

  /** The job, if it is this tenant's; null for one that does not exist and for somebody else's. */
  async find(tenant: string, id: string): Promise<Job | null> {
    const job = await this.#store.get(id);
    return job?.tenant === tenant && job.eraseAt === null ? job : null;
  }

  list(tenant: string, filter: JobFilter, page: PageRequest): Promise<Page> {
    return this.#store.list(tenant, filter, page);
  }

  /** What was asked for with those of `ids` that exist. */
  requests(ids: readonly string[]): Promise<ReadonlyMap<string, JobRequest>> {
    return this.#store.requests(ids);
  }

  /** The stored changes of each, oldest first. */
  async histories(ids: readonly string[]): Promise<ReadonlyMap<string, readonly JobUpdate[]>> {
    return new Map(await Promise.all(ids.map(async (id) => [id, await this.#store.history(id)] as const)));
  }

  /** Of those that wait. */
  queuePositions(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#store.queuePositions(ids);
  }

  slots(): Promise<SlotUsage> {
    return this.#store.slots(this.#clock.now());
  }

  /**
   * Takes a waiting job back.
   *
   * @throws GatewayError NOT_FOUND, CONFLICT when it was sent already or is finished
   */
  async cancel(tenant: string, id: string): Promise<Job> {
    if ((await this.find(tenant, id)) === null) throw jobNotFound();
    const { job } = await this.apply(id, () => ({ type: 'canceled', at: this.#clock.now() }));
    if (job?.status === 'CANCELED') return job;
    throw new GatewayError(
      'CONFLICT',
      'Only a job that is WAITING can be canceled; this one has gone further.',
    );
  }

  /**
   * Deletes a finished job: from now on it is as if it had never been; what is left of it is erased by and by.
   *
   * @returns the job as it was
   * @throws GatewayError NOT_FOUND, CONFLICT when it is not finished
   */
  async delete(tenant: string, id: string): Promise<Job> {
    if ((await this.find(tenant, id)) === null) throw jobNotFound();
    const { job } = await this.apply(id, { type: 'deleted', at: this.#clock.now() });
    if (job === null) throw jobNotFound();
    if (job.eraseAt === null) {
      throw new GatewayError(
        'CONFLICT',
        'Only a finished job can be deleted; cancel it, or wait for its end.',
      );
    }
    return job;
  }

  /**
   * The one place where jobs change: a pure transition, a compare-and-set, then the news. An event that
   * brings nothing new (a duplicate, something late) changes nothing.
   *
   * @param decide gives the event for the job as it is now; may be called again when another change came
   *   between. Null for nothing to do.
   * @returns the job as it is afterwards, null if there is none.
   */
  async apply(
    id: string,
    decide: JobEvent | ((job: Job) => JobEvent | null),
  ): Promise<{ readonly job: Job | null; readonly changed: boolean }> {
    for (;;) {
      const job = await this.#store.get(id);
      if (job === null) return { job: null, changed: false };
      const event = typeof decide === 'function' ? decide(job) : decide;
      const change = event === null ? null : transition(job, event);
      if (change === null) return { job, changed: false };
      if (await this.#store.save(change)) {
        this.#announce(change.job);
        return { job: change.job, changed: true };
      }
    }
  }

  /** Leases waiting jobs for sending: see `JobStore.lease`. */
  async lease(limit: number, deadlineMs: number, options?: LeaseOptions): Promise<readonly Job[]> {
    let agrees = true;
    const decide = (job: Job, storeNow: number): Change | null => {
      agrees &&= this.#clock.agreesWith(storeNow);
      // By a clock that has not followed the store's, its deadline might be past at once.
      if (!agrees) return null;
      // Asked for when the slot is really had: it may have been waited for, and its last holder is stamped later.
      const at = this.#clock.now();
      return transition(job, { type: 'leased', at, deadlineAt: at + deadlineMs });
    };
    const leased = await this.#store.lease(limit, this.#clock.now(), decide, options);
    if (!agrees) await this.#clock.check();
    for (const job of leased) this.#announce(job);
    return leased;
  }

  /**
   * Follows one job: first its present state (unless the follower has it already: `afterVersion`), then each
   * newer version in order, and ends when the job is finished and, if that comes right after or is waited for
   * (`untilArchived`), its result is archived. Outlasts a database that cannot answer.
   *
   * @throws GatewayError NOT_FOUND, also for somebody else's job; STORE_UNAVAILABLE when its present state cannot
   *   be read
   */
  watch(tenant: string, id: string, options: Following = {}): Promise<AsyncIterableIterator<Job>> {
    return followJob({ store: this.#store, bus: this.#bus }, tenant, id, options);
  }

  /** Follows every change of a tenant's jobs from now on. Ends only when the follower leaves. */
  watchAll(tenant: string, inTurn?: InTurn): Promise<AsyncIterableIterator<Job>> {
    return this.#tenantFollowers.follow(tenant, inTurn);
  }

  /** Calls `listener` after each stored change made by this instance, until the returned function is called. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #announce(job: Job): void {
    // A deleted job is nobody's news: for its tenant it has never been.
    if (job.eraseAt === null) this.#bus.publish(job);
    for (const listener of this.#listeners) listener(job);
  }
}

/** Two requests mean the same exactly when their fingerprints are equal. */
function fingerprint(request: JobRequest): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64url');
}

/**
 * The single entry point to jobs: everything that changes a job ends in `apply`, and everyone who follows one
 * starts with `watch`.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { GatewayError, jobNotFound } from '../../errors.js';
import type { InTurn } from '../limits/event-turns.js';
import { type Following, followJob, type Sources } from './follow.js';
import { ChangeFollowers } from './follow-changes.js';
import { TenantFollowers } from './follow-tenant.js';
import type { Change, Job, JobUpdate } from './job.js';
import type { JobBus } from './job-bus.js';
import type { JobEvent } from './job-event.js';
import type { JobRequest } from './job-request.js';
import type { JobFilter, JobStore, LeaseOptions, Page, PageRequest, SlotUsage } from './job-store.js';
import { type Labels, NO_LABELS } from './labels.js';
import { newCallbackToken, newJobId } from './new-ids.js';
import { SharedReads } from './shared-reads.js';
import type { JobsNews, Since } from './tenant-changes.js';
import { transition } from './transition.js';
import { UnusableUploads } from './unusable-uploads.js';

interface JobServiceSettings {
  /** Waiting jobs beyond this number use the reserve for tenants with few: see `hasPlace` in queue-rows.ts. */
  readonly queueLimit: number;
  /** How long a job may wait to be sent, in milliseconds. */
  readonly queueTtlMs: number;
  /** Accept submits while Akool refuses the account. */
  readonly acceptWhileBlocked: boolean;
  /** How long uploads are kept after the last job that named them, in milliseconds. */
  readonly uploadTtlMs: number;
}

/** Called with a changed job after the commit. Must not throw. */
type ChangeListener = (job: Job) => void;

export class JobService {
  readonly #store: JobStore;
  readonly #bus: JobBus;
  readonly #clock: Clock;
  readonly #settings: JobServiceSettings;
  readonly #sources: Sources;
  readonly #tenantFollowers: TenantFollowers;
  readonly #changeFollowers: ChangeFollowers;
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
    const { store, bus } = parts;
    const read = async ([id = '']: readonly string[]): Promise<ReadonlyMap<string, Job>> => {
      const job = await store.get(id);
      return new Map(job === null ? [] : [[id, job]]);
    };
    // One job at a time, so that a read that hangs or fails affects only its own followers.
    this.#sources = { store, bus, reads: new SharedReads(read, 1, true) };
    this.#tenantFollowers = new TenantFollowers(this.#sources);
    this.#changeFollowers = new ChangeFollowers(this.#sources);
  }

  /**
   * Stores a job, or returns the one that the idempotency key already belongs to.
   *
   * @param labels no part of what the key stands for: a job keeps its first ones
   * @param uploadNames the names of the uploads that the request needs, each once
   * @throws GatewayError QUEUE_FULL, IDEMPOTENCY_CONFLICT, PROVIDER_UNAVAILABLE while Akool refuses the
   *   account; UnusableUploads
   */
  async create(
    tenant: string,
    request: JobRequest,
    idempotencyKey: string | null,
    labels: Labels = NO_LABELS,
    uploadNames: readonly string[] = [],
  ): Promise<{ readonly job: Job; readonly deduplicated: boolean }> {
    const at = this.#clock.now();
    const created = await this.#store.create(
      {
        id: newJobId(at),
        tenant,
        request,
        labels,
        callbackToken: newCallbackToken(at),
        at,
        deadlineAt: at + this.#settings.queueTtlMs,
        idempotency:
          idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprint(request) },
        uploads:
          uploadNames.length === 0
            ? null
            : { names: uploadNames, expiresAt: at + this.#settings.uploadTtlMs },
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
          'This idempotency key was used with a different input; use a new key for it.',
        );
      case 'uploads-unusable':
        throw new UnusableUploads(created);
      case 'blocked':
        throw new GatewayError(
          'PROVIDER_UNAVAILABLE',
          "Akool refuses the gateway's account, so no jobs are accepted; its operator has to look into it.",
          { extensions: { waitingReason: created.hold.reason } },
        );
      case 'queue-full':
        throw new GatewayError('QUEUE_FULL', 'Too many jobs are waiting; try again later.');
    }
  }

  /** Returns the job; null if it does not exist or belongs to another tenant. */
  async find(tenant: string, id: string): Promise<Job | null> {
    const job = await this.#store.get(id);
    return job?.tenant === tenant && job.eraseAt === null ? job : null;
  }

  list(tenant: string, filter: JobFilter, page: PageRequest): Promise<Page> {
    return this.#store.list(tenant, filter, page);
  }

  /** The requests of the jobs in `ids` that exist. */
  requests(ids: readonly string[]): Promise<ReadonlyMap<string, JobRequest>> {
    return this.#store.requests(ids);
  }

  /** The request, if it is in memory; null if it has to be read. */
  keptRequest(id: string): JobRequest | null {
    return this.#store.keptRequest(id);
  }

  /** The metadata of the jobs in `ids` that have any. */
  metadata(ids: readonly string[]): Promise<ReadonlyMap<string, object>> {
    return this.#store.metadata(ids);
  }

  /** The stored changes of each job, oldest first. */
  histories(ids: readonly string[]): Promise<ReadonlyMap<string, readonly JobUpdate[]>> {
    return this.#store.histories(ids);
  }

  /** The queue positions of the jobs in `ids` that are waiting. */
  queuePositions(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#store.queuePositions(ids);
  }

  slots(): Promise<SlotUsage> {
    return this.#store.slots(this.#clock.now());
  }

  /**
   * Cancels a waiting job.
   *
   * @throws GatewayError NOT_FOUND; CONFLICT if it was already sent or is finished
   */
  async cancel(tenant: string, id: string): Promise<Job> {
    const found = await this.find(tenant, id);
    if (found === null) throw jobNotFound();
    const { job } = await this.apply(found, () => ({ type: 'canceled', at: this.#clock.now() }));
    if (job?.status === 'CANCELED') return job;
    throw new GatewayError(
      'CONFLICT',
      'Only a WAITING job can be canceled; this one was already sent or has finished.',
    );
  }

  /**
   * Deletes a finished job: its tenant no longer sees it; the rest is erased in the background.
   *
   * @returns the job as it was
   *
   * @throws GatewayError NOT_FOUND; CONFLICT if it is not finished
   */
  async delete(tenant: string, id: string): Promise<Job> {
    const found = await this.find(tenant, id);
    if (found === null) throw jobNotFound();
    const { job } = await this.apply(found, { type: 'deleted', at: this.#clock.now() });
    if (job === null) throw jobNotFound();
    if (job.eraseAt === null) {
      throw new GatewayError(
        'CONFLICT',
        job.status === 'WAITING'
          ? 'Only a finished job can be deleted; cancel it first.'
          : 'Only a finished job can be deleted; this one was sent, so wait until it finishes.',
      );
    }
    return job;
  }

  /**
   * The only place where jobs change: a pure transition, a compare-and-set, then publishing. An event without news (a
   * duplicate, a late one) changes nothing.
   *
   * @param target the id, or a job that was read before; it is read again if it has changed since, or if there is no
   *   event for it. Its due times may be outdated, because moving them is not a change: pass the id if `decide` depends on them
   * @param decide returns the event for the job's current state, or null to do nothing; called again if another change
   *   came first
   * @returns the job afterwards; null if there is none
   */
  async apply(
    target: string | Job,
    decide: JobEvent | ((job: Job) => JobEvent | null),
  ): Promise<{ readonly job: Job | null; readonly changed: boolean }> {
    const id = typeof target === 'string' ? target : target.id;
    let known = typeof target === 'string' ? null : target;
    for (;;) {
      const job = known ?? (await this.#store.get(id));
      if (job === null) return { job: null, changed: false };
      const event = typeof decide === 'function' ? decide(job) : decide;
      const change = event === null ? null : transition(job, event);
      if (change !== null && (await this.#store.save(change))) {
        this.#announce(change.job);
        return { job: change.job, changed: true };
      }
      // An event without news for an outdated state may be news for the current one.
      if (change === null && known === null) return { job, changed: false };
      known = null;
    }
  }

  /** Leases waiting jobs for sending: see `JobStore.lease`. */
  async lease(limit: number, deadlineMs: number, options?: LeaseOptions): Promise<readonly Job[]> {
    let agrees = true;
    const decide = (job: Job, storeNow: number): Change | null => {
      agrees &&= this.#clock.agreesWith(storeNow);
      // If our clock has not followed the store's yet, the deadline might already be past.
      if (!agrees) return null;
      // Read the time only once the slot is ours: we may have waited for it, and its last holder's timestamp
      // is later.
      const at = this.#clock.now();
      return transition(job, { type: 'leased', at, deadlineAt: at + deadlineMs });
    };
    const leased = await this.#store.lease(limit, this.#clock.now(), decide, options);
    if (!agrees) await this.#clock.check();
    for (const job of leased) this.#announce(job);
    return leased;
  }

  /**
   * Follows one job: yields its current state first (unless the follower already has it: `afterVersion`),
   * then each newer version in order. Ends when the job is finished and its result is archived, if that
   * follows immediately or was asked for (`untilArchived`). Survives a database outage.
   *
   * @throws GatewayError NOT_FOUND, also for another tenant's job; STORE_UNAVAILABLE if its current state
   *   cannot be read
   */
  watch(tenant: string, id: string, options: Following = {}): Promise<AsyncIterableIterator<Job>> {
    return followJob(this.#sources, tenant, id, options);
  }

  /** Follows every change of a tenant's jobs from now on. Ends only when the follower leaves. */
  watchAll(tenant: string, inTurn?: InTurn): Promise<AsyncIterableIterator<Job>> {
    return this.#tenantFollowers.follow(tenant, inTurn);
  }

  /** Follows a tenant's jobs without a gap: see `ChangeFollowers.follow`. Ends only when the follower leaves. */
  watchChanges(tenant: string, since: Since, inTurn?: InTurn): Promise<AsyncIterableIterator<JobsNews>> {
    return this.#changeFollowers.follow(tenant, since, inTurn);
  }

  /** The tenants whose changes are followed on this instance. */
  tenantsFollowingChanges(): readonly string[] {
    return this.#changeFollowers.tenants();
  }

  /**
   * Tells the followers of a tenant's changes on this instance which of its first waiting jobs moved.
   *
   * @param positions of the first `MAX_TOLD_POSITIONS`, by job id
   */
  tellPositions(tenant: string, positions: ReadonlyMap<string, number>): void {
    this.#changeFollowers.tellPositions(tenant, positions);
  }

  /** Calls `listener` after each stored change made by this instance, until the returned function is called. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #announce(job: Job): void {
    this.#bus.publish(job);
    for (const listener of this.#listeners) listener(job);
  }
}

/** Equal for two requests if and only if they mean the same. */
function fingerprint(request: JobRequest): string {
  return hash('sha256', JSON.stringify(request), 'base64url');
}

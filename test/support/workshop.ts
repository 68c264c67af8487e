/** The parts around jobs, real ones, on a separate database; all are closed after each test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import type { Clock } from '../../src/clock.js';
import type { AkoolClient, ProviderResult, SubmitOutcome } from '../../src/services/akool/akool-client.js';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import { DetectionCache } from '../../src/services/faces/detection-cache.js';
import type { Job } from '../../src/services/jobs/job.js';
import type { JobBus } from '../../src/services/jobs/job-bus.js';
import type { JobRequest } from '../../src/services/jobs/job-request.js';
import { JobService } from '../../src/services/jobs/job-service.js';
import type { JobStore } from '../../src/services/jobs/job-store.js';
import { createKyselyJobStore } from '../../src/services/store/kysely-job-store.js';
import { openSqlite } from '../../src/services/store/sqlite.js';
import type { UploadStore } from '../../src/services/uploads/upload-store.js';
import { AccountHolds } from '../../src/services/workers/account-holds.js';
import { AccountWatch } from '../../src/services/workers/account-watch.js';
import { Dispatcher, type DispatcherSettings } from '../../src/services/workers/dispatcher.js';
import { Reconciler, type ReconcilerSettings } from '../../src/services/workers/reconciler.js';
import { HOUR, NOON, request } from './samples.js';

/** The base URL of Akool. */
const BASE_URL = 'https://openapi.akool.example';
/** In milliseconds. */
export const TIMES = { pollAfterMs: 30_000, jobDeadlineMs: 3 * HOUR, unconfirmedSlotMs: 600_000 };

export const log = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });

/** Stands still until it is advanced. */
export class ManualClock implements Clock {
  #now = NOON;

  now(): number {
    return this.#now;
  }

  steady(): number {
    return this.#now;
  }

  agreesWith(): boolean {
    return true;
  }

  async check(): Promise<void> {}

  advance(ms: number): void {
    this.#now += ms;
  }
}

/** An Akool with scripted answers, for what the sandbox cannot produce on demand. */
export class ScriptedAkool {
  /** The callback URLs of the submits, in order of arrival. */
  readonly submits: string[] = [];
  readonly questions: (readonly string[])[] = [];
  onSubmit: (nth: number, signal: AbortSignal | undefined) => Promise<SubmitOutcome>;
  onResults: (ids: readonly string[], signal: AbortSignal | undefined) => Promise<ProviderResult[]>;
  onDetect: AkoolClient['detectFaces'] = async () => [];
  onCredit: () => Promise<number> = async () => 100;

  constructor() {
    this.onSubmit = async (nth) => acceptedAs(`p${nth}`);
    this.onResults = async () => [];
  }

  readonly client: AkoolClient = {
    submitFaceSwap: (submit, options) => this.#submit(submit.callbackUrl, options?.signal),
    submitFaceSwapPlus: (submit, options) => this.#submit(submit.callbackUrl, options?.signal),
    results: (ids, options) => {
      this.questions.push(ids);
      return this.onResults(ids, options?.signal);
    },
    deleteResults: async () => {},
    credit: () => this.onCredit(),
    detectFaces: (what, options) => this.onDetect(what, options),
    destroy: async () => {},
  };

  #submit(callbackUrl: string | null, signal: AbortSignal | undefined): Promise<SubmitOutcome> {
    this.submits.push(callbackUrl ?? '');
    return this.onSubmit(this.submits.length, signal);
  }
}

export function acceptedAs(providerId: string): SubmitOutcome {
  return { kind: 'accepted', providerId, providerJobId: `job-${providerId}` };
}

export function resultOf(
  providerId: string,
  status: ProviderResult['status'],
  url: string | null = null,
  reason: string | null = null,
): ProviderResult {
  return { providerId, status, url, reason };
}

export interface Workshop {
  readonly dir: string;
  readonly store: JobStore;
  readonly uploads: UploadStore;
  readonly bus: JobBus;
  readonly clock: ManualClock;
  readonly jobs: JobService;
  readonly holds: AccountHolds;
  readonly akool: ScriptedAkool;
  create(tenant?: string, more?: { readonly request?: JobRequest; readonly key?: string }): Promise<Job>;
  /** A job that Akool has. */
  atProvider(providerId: string): Promise<Job>;
  get(job: Pick<Job, 'id'>): Promise<Job>;
  statuses(...jobs: readonly Pick<Job, 'id'>[]): Promise<string[]>;
  dispatcher(settings?: Partial<DispatcherSettings>): Dispatcher;
  accountWatch(dispatcher: Dispatcher): AccountWatch;
  reconciler(settings?: Partial<ReconcilerSettings>): Reconciler;
}

export interface WorkshopOptions {
  readonly wrapStore?: (store: JobStore) => JobStore;
  readonly wrapBus?: (bus: JobBus) => JobBus;
  readonly queueLimit?: number;
  readonly acceptWhileBlocked?: boolean;
}

export async function openWorkshop(options: WorkshopOptions = {}): Promise<Workshop> {
  const dir = mkdtempSync(join(tmpdir(), 'jobs-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const sqlite = createKyselyJobStore(() => openSqlite(join(dir, 'gateway.db')));
  await sqlite.start();
  onTestFinished(() => sqlite.stop());
  const inProcess = createInProcessJobBus();
  // By the end of a test, all its followers must have left.
  onTestFinished(() => expect(inProcess.followedJobs()).toEqual([]));
  const store = options.wrapStore?.(sqlite) ?? sqlite;
  const bus = options.wrapBus?.(inProcess) ?? inProcess;
  const clock = new ManualClock();
  const settings = {
    queueLimit: options.queueLimit ?? 1_000_000,
    queueTtlMs: 24 * HOUR,
    acceptWhileBlocked: options.acceptWhileBlocked ?? false,
    uploadTtlMs: HOUR,
  };
  const jobs = new JobService({ store, bus, clock, settings });
  const akool = new ScriptedAkool();
  const holds = new AccountHolds({ store, log });

  const get = async ({ id }: Pick<Job, 'id'>): Promise<Job> => {
    const job = await sqlite.get(id);
    if (job === null) throw new Error('there is no such job');
    return job;
  };
  const create: Workshop['create'] = async (tenant = 'ann', more = {}) => {
    const { job } = await jobs.create(tenant, more.request ?? request, more.key ?? null);
    return job;
  };

  return {
    dir,
    store,
    uploads: sqlite.uploads,
    bus,
    clock,
    jobs,
    holds,
    akool,
    get,
    create,
    statuses: async (...which) => (await Promise.all(which.map(get))).map(({ status }) => status),
    atProvider: async (providerId) => {
      const born = await create();
      await jobs.lease(1_000_000, 3 * HOUR);
      const { job } = await jobs.apply(born.id, {
        type: 'accepted',
        at: clock.now(),
        pollAt: clock.now() + 30_000,
        providerId,
        providerJobId: null,
      });
      if (job?.status !== 'QUEUED') throw new Error('the job was not accepted');
      return job;
    },
    dispatcher: (more = {}) => {
      const dispatcher = new Dispatcher({
        jobs,
        akool: akool.client,
        faces: new DetectionCache(akool.client, { detectCacheMs: 0 }),
        holds,
        clock,
        log,
        settings: {
          maxConcurrency: 2,
          ...TIMES,
          queueTtlMs: 24 * HOUR,
          leaseGraceMs: 15_000,
          drainMs: 5000,
          callbackUrl: (job) => job.id,
          ...more,
        },
      });
      onTestFinished(() => dispatcher.stop());
      return dispatcher;
    },
    accountWatch: (dispatcher) => {
      const settings = { abandonedAfterMs: 60_000 };
      const watch = new AccountWatch({ holds, store, akool: akool.client, dispatcher, clock, settings, log });
      onTestFinished(() => watch.stop());
      return watch;
    },
    reconciler: (more = {}) => {
      const reconciler = new Reconciler({
        store,
        jobs,
        akool: akool.client,
        clock,
        log,
        settings: {
          baseUrl: BASE_URL,
          keepResults: false,
          ...TIMES,
          queueTtlMs: 24 * HOUR,
          abandonedAfterMs: 60_000,
          ...more,
        },
      });
      onTestFinished(() => reconciler.stop());
      return reconciler;
    },
  };
}

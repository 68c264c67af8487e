/** Gateways on one store and one Akool: real parts, each of which acts only when told to. */
import { pino } from 'pino';
import { seal } from '../../../src/sandbox/envelope.js';
import type { DetectedFrame, SubmitOutcome } from '../../../src/services/akool/akool-client.js';
import { AkoolCallError } from '../../../src/services/akool/call-error.js';
import { createInProcessJobBus } from '../../../src/services/bus/in-process-job-bus.js';
import { DetectionCache } from '../../../src/services/faces/detection-cache.js';
import type { Job } from '../../../src/services/jobs/job.js';
import { JobService } from '../../../src/services/jobs/job-service.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { createFolderBlobStore } from '../../../src/services/media/folder-blob-store.js';
import { AccountHolds } from '../../../src/services/workers/account-holds.js';
import { CallbackReceiver } from '../../../src/services/workers/callback-receiver.js';
import { Dispatcher } from '../../../src/services/workers/dispatcher.js';
import { Eraser } from '../../../src/services/workers/eraser.js';
import { Reconciler } from '../../../src/services/workers/reconciler.js';
import { face, HOUR } from '../../support/samples.js';
import { ManualClock, resultOf, ScriptedAkool, TIMES } from '../../support/workshop.js';

/** Maximum number of jobs at Akool at once. */
export const SLOTS = 2;
const KEYS = { clientId: 'QkZ8yLmN3pRstuVwXyZ01A', clientSecret: 's3cr3tKeyOf24Characters!' };
const BASE_URL = 'http://127.0.0.1:4001';
const RESULT = 'https://cdn.example/result.png';
/** After this many turns of the event loop without calls to the stores, no call is about to be made. */
const QUIET_TURNS = 4;
const log = pino({ level: 'silent' });

export type Status = 1 | 2 | 3 | 4;

/** A submit that has reached Akool, and whose gateway has not received the final answer. */
export interface Submit {
  readonly from: Gateway;
  readonly job: string;
  readonly providerId: string;
  /** A callback has reported it. */
  isAccepted: boolean;
  answer(outcome: SubmitOutcome): void;
}

/** A face detection that waits for its answer. */
export interface Look {
  readonly from: Gateway;
  answer(isFound: boolean): void;
}

export interface Gateway {
  readonly jobs: JobService;
  readonly dispatcher: Dispatcher;
  readonly reconciler: Reconciler;
  readonly receiver: CallbackReceiver;
  readonly eraser: Eraser;
  /** Everything that it has in progress is lost from now on. */
  isDead: boolean;
}

export class Fleet {
  readonly clock = new ManualClock();
  /** One per gateway; or the same one, if only one process may use it. */
  readonly stores: readonly JobStore[];
  readonly gateways: Gateway[];
  submits: readonly Submit[] = [];
  looks: readonly Look[] = [];
  /** Jobs that Akool has, or may have, with their `_id`s there. */
  readonly maybeBilled = new Map<string, string>();
  /** The status that Akool returns for an `_id` when polled. */
  readonly said = new Map<string, Status>();
  /** `_id`s in the order in which they were polled. */
  readonly asked: string[] = [];
  /** Jobs that were sent although they may already have been billed. */
  readonly sentAgain: string[] = [];
  #sent = 0;
  #underWay = 0;

  constructor(stores: readonly JobStore[]) {
    this.stores = stores;
    this.gateways = stores.map((store) => this.#gatewayOn(store));
  }

  gateway(nth: number): Gateway {
    return this.gateways[nth] as Gateway;
  }

  store(nth: number): JobStore {
    return this.stores[nth] as JobStore;
  }

  /** Kills a gateway and starts another in its place. */
  replace(nth: number): void {
    const dead = this.gateway(nth);
    dead.isDead = true;
    this.submits = this.submits.filter(({ from }) => from !== dead);
    this.looks = this.looks.filter(({ from }) => from !== dead);
    this.gateways[nth] = this.#gatewayOn(this.store(nth));
  }

  /** Sends a callback of Akool's to a job's URL. */
  callback({ callbackToken }: Job, providerId: string, status: Status, nth: number): Promise<unknown> {
    const payload = { _id: providerId, status, type: 'faceswap', url: RESULT };
    const body = seal(payload, { ...KEYS, timestamp: this.clock.now(), nonce: '1529' });
    return this.gateway(nth).receiver.receive(callbackToken, Buffer.from(JSON.stringify(body)));
  }

  /** Kills all gateways. */
  end(): void {
    for (const gateway of this.gateways) gateway.isDead = true;
  }

  /** Resolves when all gateways have finished what they were doing. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = this.#underWay === 0 ? quiet + 1 : 0)
      await new Promise((resolve) => setImmediate(resolve));
  }

  #gatewayOn(shared: JobStore): Gateway {
    const store = this.#lifeline(shared, () => gateway.isDead);
    const akool = new ScriptedAkool();
    const { clock } = this;
    const jobSettings = {
      queueLimit: 1000,
      queueTtlMs: 24 * HOUR,
      acceptWhileBlocked: false,
      uploadTtlMs: HOUR,
    };
    const serviceOn = () =>
      new JobService({ store, bus: createInProcessJobBus(), clock, settings: jobSettings });
    const jobs = serviceOn();
    const reconciler = new Reconciler({
      store,
      jobs,
      akool: akool.client,
      clock,
      log,
      settings: {
        ...TIMES,
        baseUrl: BASE_URL,
        keepResults: false,
        queueTtlMs: 24 * HOUR,
        abandonedAfterMs: 60_000,
      },
    });
    const gateway: Gateway = {
      jobs,
      reconciler,
      dispatcher: new Dispatcher({
        // A separate service, so that the dispatcher does not react to every change by itself.
        jobs: serviceOn(),
        akool: akool.client,
        faces: new DetectionCache(akool.client, { detectCacheMs: 0 }),
        holds: new AccountHolds({ store, log }),
        clock,
        log,
        settings: {
          ...TIMES,
          maxConcurrency: SLOTS,
          queueTtlMs: 24 * HOUR,
          leaseGraceMs: 15_000,
          drainMs: 0,
          callbackUrl: (job) => job.id,
        },
      }),
      receiver: new CallbackReceiver({
        store,
        jobs,
        reconciler,
        clock,
        log,
        settings: { ...TIMES, keys: KEYS, baseUrl: BASE_URL, confirmResults: false, keepResults: false },
      }),
      eraser: new Eraser({
        store,
        jobs,
        akool: akool.client,
        archive: createFolderBlobStore('/nowhere'),
        uploads: { release: async () => {} },
        clock,
        log,
        settings: { retentionDays: null },
      }),
      isDead: false,
    };
    akool.onSubmit = (nth) => this.#submitted(gateway, akool.submits[nth - 1] ?? '');
    akool.onDetect = () => this.#looked(gateway);
    akool.onResults = async (ids) => {
      this.asked.push(...ids);
      return ids.map((id) => resultOf(id, this.said.get(id) ?? 1, RESULT));
    };
    for (const part of [gateway.dispatcher, reconciler, gateway.eraser]) part.start();
    return gateway;
  }

  #submitted(from: Gateway, job: string): Promise<SubmitOutcome> {
    if (this.maybeBilled.has(job)) this.sentAgain.push(job);
    this.#sent += 1;
    const providerId = `p${this.#sent}`;
    this.maybeBilled.set(job, providerId);
    return new Promise((resolve) => {
      const last = (outcome: SubmitOutcome): void => {
        this.submits = this.submits.filter((other) => other !== submit);
        if (outcome.kind === 'not-accepted') this.maybeBilled.delete(job);
      };
      const submit: Submit = {
        from,
        job,
        providerId,
        isAccepted: false,
        answer: (outcome) => {
          if (outcome.kind !== 'unknown') last(outcome);
          else {
            const late = new Promise<SubmitOutcome>((heard) => {
              submit.answer = (after) => {
                last(after);
                heard(after);
              };
            });
            return resolve({ ...outcome, late });
          }
          resolve(outcome);
        },
      };
      this.submits = [...this.submits, submit];
    });
  }

  #looked(from: Gateway): Promise<DetectedFrame[]> {
    return new Promise((resolve, reject) => {
      const look: Look = {
        from,
        answer: (isFound) => {
          this.looks = this.looks.filter((other) => other !== look);
          if (isFound) resolve([{ index: 0, timeSeconds: null, faces: [face] }]);
          else reject(new AkoolCallError('UNREACHABLE', 'gone'));
        },
      };
      this.looks = [...this.looks, look];
    });
  }

  /** The store for as long as the gateway lives; counts calls in progress. */
  #lifeline(store: JobStore, isDead: () => boolean): JobStore {
    const never = new Promise<never>(() => {});
    const counted = async (call: () => Promise<unknown>): Promise<unknown> => {
      if (isDead()) return never;
      this.#underWay += 1;
      const outcome = await call().finally(() => {
        this.#underWay -= 1;
      });
      return isDead() ? never : outcome;
    };
    return new Proxy(store, {
      get: (_, name) => {
        const member: unknown = Reflect.get(store, name);
        return typeof member === 'function'
          ? (...args: unknown[]) => counted(() => member.apply(store, args))
          : member;
      },
    });
  }
}

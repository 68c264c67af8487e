/**
 * The composition root: connects the parts to the drivers that drivers.ts opens.
 *
 * `createApp` starts nothing; `start` does, and `stop` stops the parts in reverse order. This file is longer
 * than others so that the order of starting and stopping can be read in one place.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Logger, pino } from 'pino';
import type { Clock } from './clock.js';
import { type Config, isLoopback, type Secrets } from './config/config.js';
import {
  akoolAddress,
  archiveUnusable,
  cannotListen,
  createAkool,
  createArchive,
  createBus,
  createLimiters,
  createStore,
  databaseUnusable,
  goOnWithoutRedis,
  redisPlace,
  startSandbox,
} from './drivers.js';
import { StartError } from './errors.js';
import { RateLimits } from './graphql/rate-limits.js';
import { TrustedDocuments } from './graphql/trusted-documents.js';
import { createHttpServer } from './http/server.js';
import { Cursors } from './resolvers/cursors.js';
import { createSchema } from './resolvers/schema.js';
import type { Sandbox } from './sandbox/sandbox.js';
import { Account } from './services/account.js';
import type { AkoolClient } from './services/akool/akool-client.js';
import { Authenticator } from './services/auth/authenticator.js';
import { FollowTokens } from './services/auth/follow-tokens.js';
import { JwtVerifier } from './services/auth/jwt.js';
import { DetectionCache } from './services/faces/detection-cache.js';
import { FaceDetector } from './services/faces/face-detector.js';
import { Health } from './services/health.js';
import type { Job } from './services/jobs/job.js';
import type { JobBus } from './services/jobs/job-bus.js';
import { JobService } from './services/jobs/job-service.js';
import type { JobStore } from './services/jobs/job-store.js';
import type { BlobStore } from './services/media/blob-store.js';
import { ResultFetcher } from './services/media/result-fetcher.js';
import { tellingUnavailable } from './services/store/unavailable.js';
import { AccountHolds } from './services/workers/account-holds.js';
import { AccountWatch } from './services/workers/account-watch.js';
import { Archiver } from './services/workers/archiver.js';
import { CallbackReceiver } from './services/workers/callback-receiver.js';
import { CatchUp } from './services/workers/catch-up.js';
import { Dispatcher } from './services/workers/dispatcher.js';
import { Eraser } from './services/workers/eraser.js';
import { ExpiryWatch } from './services/workers/expiry-watch.js';
import { InstanceHeartbeat } from './services/workers/instance-heartbeat.js';
import { createMetrics, Metrics } from './services/workers/metrics.js';
import { QueuePositions } from './services/workers/queue-positions.js';
import { Reconciler } from './services/workers/reconciler.js';
import { StoreClock } from './services/workers/store-clock.js';
import { Submission } from './services/workers/submission.js';
import { WaitingReasons } from './services/workers/waiting-reasons.js';

export interface App {
  /** @throws StartError */
  start(): Promise<Running>;
  /** Drains and closes everything. May be called twice, and before or during `start`. Never rejects. */
  stop(options?: StopOptions): Promise<void>;
}

export interface StopOptions {
  /** How long a running gateway keeps serving while it reports not ready, in milliseconds; default 0. */
  readonly lameDuckMs?: number;
}

export interface Running {
  /** The gateway's URL on this machine, like `http://127.0.0.1:4000`. */
  readonly url: string;
  /** The built-in sandbox; null if there is a key for the real Akool. */
  readonly sandbox: Sandbox | null;
  /** Whether GraphiQL is served. */
  readonly graphiql: boolean;
}

/** Replacements that tests may pass for the real parts. */
export interface Overrides {
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly bus?: JobBus;
  readonly sandbox?: (port: number) => Sandbox;
  readonly wrapStore?: (store: JobStore) => JobStore;
  readonly archive?: BlobStore;
  readonly wrapAkool?: (akool: AkoolClient) => AkoolClient;
  /** Turns polling off, so that tests can prove that the checks notice lost updates. */
  readonly withoutReconciler?: boolean;
}

/**
 * Where the build puts GraphiQL; this path is right both for the compiled program and when running from
 * source.
 */
const GRAPHIQL_DIR = fileURLToPath(new URL('../dist/graphiql', import.meta.url));
const START_AGAIN_MS = 250;
const QUEUE_POSITION_EVERY_MS = 500;
/** How often this instance checks what others did, in case a notification was lost. */
const LOOK_AT_OTHERS_MS = 1000;
const CATCH_UP_MS = 5000;
/** The same, if there are no other instances. */
const LOOK_IN_ANY_CASE_MS = 5000;
/** In characters; the size of a SHA-256 hash in bytes (RFC 7518, section 3.2). */
const STRONG_SECRET_LENGTH = 32;
/** Shorter without a `PUBLIC_URL`, because polling is then the only source of news. */
const POLL_ONLY_AFTER_MS = 1000;
const POLL_AFTER_MS = 30_000;

export function createApp(config: Config, secrets: Secrets, overrides: Overrides = {}): App {
  const log = overrides.log ?? pino({ level: config.logLevel });
  const given = { config, secrets, log };
  const stops: (() => Promise<void> | void)[] = [];
  let starting: Promise<Running> | null = null;
  let stopping: Promise<void> | null = null;
  /** On the monotonic clock. */
  let drainUntil = 0;

  return {
    start: () => {
      starting ??= stopping === null ? start() : Promise.reject(new Error('The app was stopped'));
      return starting;
    },
    stop: (options) => {
      stopping ??= stop(options);
      return stopping;
    },
  };

  async function stop({ lameDuckMs = 0 }: StopOptions = {}): Promise<void> {
    const isRunning = await starting?.then(
      () => true,
      () => false,
    );
    if (isRunning === true) {
      log.info({ lameDuckMs, drainMs: config.drainMs }, 'stopping');
      await sleep(lameDuckMs);
    }
    drainUntil = performance.now() + config.drainMs;
    await undo();
    if (isRunning === true) log.info('stopped');
  }

  /** Stops what was started, last first. If one part fails to stop, the others are still stopped. */
  async function undo(): Promise<void> {
    for (const step of stops.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, 'a part did not stop cleanly');
      }
    }
  }

  async function start(): Promise<Running> {
    let failedAt: number | null = null;
    let patientUntil = 0;
    for (;;) {
      try {
        return await compose();
      } catch (error) {
        await undo();
        if (!(error instanceof StartError) || stopping !== null) throw error;
        const now = performance.now();
        failedAt ??= now;
        // A server that was lost refuses connections next.
        patientUntil = Math.max(patientUntil, failedAt + error.patienceMs);
        if (error.patienceMs === 0 || now >= patientUntil) throw error;
        log.warn({ reason: error.message }, 'not started yet; trying again');
      }
      await sleep(START_AGAIN_MS);
    }
  }

  async function startClock(store: JobStore): Promise<StoreClock> {
    const clock = new StoreClock({ store, log });
    stops.push(() => clock.stop());
    await clock.start();
    return clock;
  }

  async function compose(): Promise<Running> {
    const plainStore = createStore(given);
    const store = tellingUnavailable(overrides.wrapStore?.(plainStore) ?? plainStore, log);
    stops.push(() => store.stop());
    const cantUseDatabase = (error: unknown): never => {
      throw databaseUnusable(secrets, error);
    };
    await store.start().catch(cantUseDatabase);

    const clock: Clock & Stoppable = overrides.clock ?? (await startClock(store).catch(cantUseDatabase));

    const sandbox = secrets.akoolApiKey === null ? await startSandbox(given, overrides.sandbox) : null;
    if (sandbox !== null) stops.push(() => sandbox.stop());
    if (sandbox !== null && config.production) {
      log.warn('AKOOL_API_KEY is not set: the sandbox draws the results, and nothing is sent to Akool');
    }
    const address = akoolAddress(given, sandbox);
    const client = createAkool(given, address);
    const akool = overrides.wrapAkool?.(client) ?? client;
    // Nobody waits for an answer by then, so lookups still running must not delay the shutdown.
    stops.push(() => akool.destroy());

    const redis = await redisPlace(given, store).catch(cantUseDatabase);
    const bus = overrides.bus ?? (await createBus(redis, log));
    stops.push(() => bus.stop());
    await bus.start().catch((error: unknown) => goOnWithoutRedis(error, log));
    const instances = new InstanceHeartbeat({ store, clock, hasSharedBus: secrets.redisUrl !== null, log });
    stops.push(() => instances.stop());
    await instances.start().catch(cantUseDatabase);
    const limiters = await createLimiters(redis, log);
    if (limiters !== null) stops.push(() => limiters.stop());

    const jobs = new JobService({ store, bus, clock, settings: config });
    let publicUrl = config.publicUrl;
    let ownUrl = '';
    const canBeCalled = publicUrl !== null || sandbox !== null;
    const settings = {
      ...config,
      ...config.akool,
      pollAfterMs: config.pollAfterMs ?? (canBeCalled ? POLL_AFTER_MS : POLL_ONLY_AFTER_MS),
      abandonedAfterMs: config.akool.timeoutMs + config.leaseGraceMs,
      keys: { clientId: address.clientId, clientSecret: address.apiKey },
      baseUrl: address.baseUrl,
      webhookUrl: (job: Job) =>
        publicUrl === null ? null : `${publicUrl}/webhooks/akool/${job.callbackToken}`,
    };
    const reconciler = new Reconciler({ store, jobs, akool, clock, settings, log });
    const detection = new DetectionCache(akool, config);
    const holds = new AccountHolds({ store, log });
    const dispatcher = new Dispatcher({ jobs, akool, faces: detection, holds, clock, settings, log });
    const watch = new AccountWatch({ holds, store, akool, dispatcher, clock, settings, log });
    const callbacks = new CallbackReceiver({ store, jobs, reconciler, clock, settings, log });
    const submission = new Submission({ jobs, dispatcher, waitMs: config.submitWaitMs });
    const positions = new QueuePositions({
      store,
      bus,
      jobs,
      holds,
      clock,
      log,
      everyMs: QUEUE_POSITION_EVERY_MS,
      lookEveryMs: store.exclusive ? LOOK_IN_ANY_CASE_MS : LOOK_AT_OTHERS_MS,
    });
    const catchUp = new CatchUp({ store, bus, log, everyMs: CATCH_UP_MS });
    const archive = overrides.archive ?? (await createArchive(given));
    stops.push(() => archive.stop());
    await archive.start().catch((error: unknown) => {
      throw archiveUnusable(config, error);
    });
    const fetcher = new ResultFetcher(address.baseUrl);
    stops.push(() => fetcher.close());
    const archiver = new Archiver({ store, jobs, archive, fetcher, clock, settings, log });
    const eraser = new Eraser({ store, jobs, akool, archive, clock, settings, log });
    const registry = createMetrics();
    const expiry = new ExpiryWatch({ store, clock, registry, log });
    const health = new Health({ store, bus, registry, log });
    const metrics = new Metrics(jobs, registry, {
      sockets: () => http.openSockets,
      held: () => (config.dispatchPaused ? 'PAUSED' : holds.last?.blocks ? holds.last.reason : null),
    });
    if (secrets.jwtSecret !== null && secrets.jwtSecret.length < STRONG_SECRET_LENGTH) {
      log.warn(
        'AUTH_JWT_SECRET is short enough to be guessed from any token; use at least 32 random characters',
      );
    }
    const followTokens = new FollowTokens(await store.secret('follow-tokens').catch(cantUseDatabase));
    const cursors = new Cursors(await store.secret('cursors').catch(cantUseDatabase));
    const authenticator = new Authenticator({
      isOpen: config.auth.isOpen,
      keys: secrets.apiKeys,
      jwt:
        config.auth.jwksUrl === null && secrets.jwtSecret === null
          ? null
          : new JwtVerifier({ ...config.auth, secret: secrets.jwtSecret }),
      followTokens,
      log,
    });
    const http = createHttpServer({
      host: config.host,
      port: config.port,
      schema: await createSchema(),
      services: {
        jobs,
        submission,
        waiting: new WaitingReasons({ holds, dispatcher, clock, isPaused: config.dispatchPaused }),
        faces: new FaceDetector(detection),
        account: new Account({ akool, jobs, maxConcurrency: config.akool.maxConcurrency }),
        eraser,
        followTokens,
        cursors,
        mediaUrl: ({ name }) => `${publicUrl ?? ownUrl}/media/${name}`,
        log,
      },
      authenticate: (authorization) => authenticator.authenticate(authorization),
      callbacks,
      readiness: async () => (stopping === null ? await health.readiness() : 'stopping'),
      isStopping: () => stopping !== null,
      metrics: registry,
      metricsToken: secrets.metricsToken,
      graphiql: config.graphiql ? { assetsDir: GRAPHIQL_DIR, samples: samplePictures(sandbox) } : null,
      archive,
      introspection: config.introspection,
      trusted: config.trustedDocuments === null ? null : await TrustedDocuments.read(config.trustedDocuments),
      rates: new RateLimits(config.rates, limiters?.create),
      corsOrigins: config.corsOrigins,
      onlyThisMachine: config.auth.onlyThisMachine ? config : null,
      maxSockets: config.maxSockets,
      maxSocketOperations: config.maxSocketOperations,
      maxSubscriptions: config.maxSubscriptions,
      log,
    });

    // Take over jobs that were being sent when the process died: no other instance can be sending them.
    if (store.exclusive) await reconciler.takeOver(0);
    stops.push(() => stopTogether([catchUp, { stop: () => http.stop(drainUntil - performance.now()) }]));
    // With an exclusive store this instance makes every change itself, so there is nothing to catch up on.
    if (!store.exclusive) await catchUp.start().catch(cantUseDatabase);
    await http.prepare();
    const port = await http.start().catch((error: unknown) => {
      throw cannotListen(config, error);
    });
    const url = `http://${loopbackOf(config.host)}:${port}`;
    ownUrl = url;
    if (sandbox !== null) publicUrl ??= url;

    // Stopped first: nothing new begins, and calls in flight finish while everything else still serves.
    stops.push(() =>
      stopTogether([
        dispatcher,
        watch,
        reconciler,
        archiver,
        eraser,
        expiry,
        positions,
        metrics,
        instances,
        clock,
      ]),
    );
    metrics.start();
    positions.start();
    if (overrides.withoutReconciler !== true) reconciler.start();
    for (const part of [archiver, eraser, expiry]) part.start();
    if (config.dispatchPaused) {
      log.warn('DISPATCH is paused: waiting jobs are kept and not sent until a start without it');
    } else {
      dispatcher.start();
      watch.start();
    }
    log.info({ url, sandbox: sandbox?.url, publicUrl }, 'started');
    return { url, sandbox, graphiql: config.graphiql };
  }
}

/** A clock passed as an override may have nothing to stop. */
interface Stoppable {
  stop?(): Promise<void> | void;
}

/** Stops them in parallel, because each may wait for a database that does not answer. */
async function stopTogether(parts: readonly Stoppable[]): Promise<void> {
  const ends = await Promise.allSettled(parts.map(async (part) => part.stop?.()));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The host by which a process on this machine reaches a server that listens on `host`. */
function loopbackOf(host: string): string {
  if (isLoopback(host)) return host === '::1' ? '[::1]' : host;
  return host === '::' ? '[::1]' : host === '0.0.0.0' ? '127.0.0.1' : host;
}

function samplePictures(sandbox: Sandbox | null): { source: string; target: string } {
  const base = sandbox?.url ?? 'https://example.com';
  return sandbox === null
    ? { source: `${base}/new-face.jpg`, target: `${base}/original.jpg` }
    : { source: `${base}/samples/source-face.png`, target: `${base}/samples/target-face.png` };
}

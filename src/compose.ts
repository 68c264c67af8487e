/** The second step of a start: creates and connects the parts. Starts nothing. */
import { fileURLToPath } from 'node:url';
import { STRONG_KEY_LENGTH } from './config/api-keys.js';
import type { Config } from './config/config.js';
import type { Settings } from './drivers.js';
import { RateLimits } from './graphql/rate-limits.js';
import { TrustedDocuments } from './graphql/trusted-documents.js';
import { graphiqlPage } from './http/graphiql.js';
import type { Listener } from './http/listener.js';
import type { ThisMachine } from './http/loopback-guard.js';
import type { Page } from './http/pages.js';
import { createHttpServer, type HttpServer } from './http/server.js';
import { studioPage } from './http/studio.js';
import { isLocalUrl, isLoopback } from './loopback.js';
import type { Opened } from './open.js';
import { Cursors } from './resolvers/cursors.js';
import { createSchema, RESOLVERS } from './resolvers/schema.js';
import type { Sandbox } from './sandbox/sandbox.js';
import { Account } from './services/account.js';
import { Authenticator } from './services/auth/authenticator.js';
import { FollowTokens } from './services/auth/follow-tokens.js';
import { JwtVerifier } from './services/auth/jwt.js';
import { DetectionCache } from './services/faces/detection-cache.js';
import { FaceDetector } from './services/faces/face-detector.js';
import { Health } from './services/health.js';
import { JobService } from './services/jobs/job-service.js';
import { Thumbnails } from './services/media/thumbnails.js';
import { thumbnailOf } from './services/pictures/thumbnail.js';
import { LeftoverSweep } from './services/uploads/leftover-sweep.js';
import { UploadAddresses } from './services/uploads/upload-addresses.js';
import { UploadReceiver } from './services/uploads/upload-receiver.js';
import { UploadService } from './services/uploads/upload-service.js';
import { AccountHolds } from './services/workers/account-holds.js';
import { AccountWatch } from './services/workers/account-watch.js';
import { Archiver } from './services/workers/archiver.js';
import { CallbackReceiver } from './services/workers/callback-receiver.js';
import { CatchUp } from './services/workers/catch-up.js';
import { Dispatcher } from './services/workers/dispatcher.js';
import { Eraser } from './services/workers/eraser.js';
import { ExpiryWatch } from './services/workers/expiry-watch.js';
import { logEndedJobs } from './services/workers/job-log.js';
import { createRegistry, Metrics } from './services/workers/metrics.js';
import { QueuePositions } from './services/workers/queue-positions.js';
import { Reconciler } from './services/workers/reconciler.js';
import { Submission } from './services/workers/submission.js';
import { ThumbnailSweeper } from './services/workers/thumbnail-sweeper.js';
import { UploadSweeper } from './services/workers/upload-sweeper.js';
import { WaitingReasons } from './services/workers/waiting-reasons.js';

/** The parts that are started and stopped. */
export interface Parts {
  readonly http: HttpServer;
  readonly receiver: UploadReceiver;
  readonly leftovers: LeftoverSweep;
  readonly thumbnails: Thumbnails;
  readonly catchUp: CatchUp;
  readonly dispatcher: Dispatcher;
  readonly watch: AccountWatch;
  readonly reconciler: Reconciler;
  readonly archiver: Archiver;
  readonly eraser: Eraser;
  readonly uploadSweeper: UploadSweeper;
  readonly thumbnailSweeper: ThumbnailSweeper;
  readonly expiry: ExpiryWatch;
  readonly positions: QueuePositions;
  readonly metrics: Metrics;
}

/** Where the build puts the pages. The path is correct both compiled and from source. */
const BUILT_DIR = fileURLToPath(new URL('../dist', import.meta.url));
/** Addresses to be replaced, for the example where there is no sandbox. */
const PLACEHOLDERS = {
  source: 'https://example.com/new-face.jpg',
  target: 'https://example.com/original.jpg',
};
const QUEUE_POSITION_EVERY_MS = 500;
/** How often this instance checks for changes by others, in case a notification was lost. */
const LOOK_AT_OTHERS_MS = 1000;
const CATCH_UP_MS = 5000;
/** The same, if there are no other instances. */
const LOOK_IN_ANY_CASE_MS = 5000;
/** In characters: as many as a SHA-256 hash has bytes (RFC 7518, section 3.2). */
const STRONG_SECRET_LENGTH = 32;
/** Shorter without a `PUBLIC_URL`, because polling is then the only source of news. */
const POLL_ONLY_AFTER_MS = 1000;
const POLL_AFTER_MS = 30_000;

/**
 * @param publicUrl the URL at which Akool reaches this gateway; null if it can't
 * @param isStopping whether the gateway is being stopped
 * @throws StartError if TRUSTED_DOCUMENTS can't be used
 */
export async function compose(
  given: Settings,
  opened: Opened,
  listener: Listener,
  publicUrl: string | null,
  isStopping: () => boolean,
): Promise<Parts> {
  const { config, log } = given;
  const { store, uploadStore, clock, akool, akoolAddress, bus, archive, spool, fetcher, sandbox } = opened;
  const baseUrl = publicUrl ?? listener.url;
  warnOfUnreachableUrls(given, baseUrl);
  const settings = {
    ...config,
    ...config.akool,
    pollAfterMs: config.pollAfterMs ?? (publicUrl === null ? POLL_ONLY_AFTER_MS : POLL_AFTER_MS),
    abandonedAfterMs: config.akool.timeoutMs + config.leaseGraceMs,
    uploadTtlMs: config.uploads.ttlMs,
    keys: { clientId: akoolAddress.clientId, clientSecret: akoolAddress.apiKey },
    baseUrl: akoolAddress.baseUrl,
    callbackUrl: ({ callbackToken }: { readonly callbackToken: string }) =>
      publicUrl === null ? null : `${publicUrl}/webhooks/akool/${callbackToken}`,
  };

  const jobs = new JobService({ store, bus, clock, settings });
  const detections = new DetectionCache(akool, config);
  const holds = new AccountHolds({ store, log });
  const dispatcher = new Dispatcher({ jobs, akool, faces: detections, holds, clock, settings, log });
  const reconciler = new Reconciler({ store, jobs, akool, clock, settings, log });
  logEndedJobs(jobs, log);
  const addresses = new UploadAddresses(baseUrl);
  const uploads = new UploadService({
    store: uploadStore,
    addresses,
    clock,
    settings: config.uploads,
    isReachable: publicUrl !== null,
    freeBytes: () => spool.freeBytes(),
  });
  const uploadSweeper = new UploadSweeper({
    store: uploadStore,
    uploads,
    blobs: opened.uploads,
    clock,
    settings,
    log,
  });
  const eraser = new Eraser({ store, jobs, akool, archive, uploads: uploadSweeper, clock, settings, log });
  const thumbnails = new Thumbnails({ archive, draw: thumbnailOf, log });
  const registry = createRegistry();
  const health = new Health({ store, bus, registry, log });

  const receiver = new UploadReceiver({
    receptions: uploadStore,
    blobs: opened.uploads,
    spool,
    clock,
    limits: config.uploads,
    log,
  });

  const followTokens = new FollowTokens(opened.keys.followTokens);
  const authenticator = authenticatorOf(given, followTokens);
  const http = createHttpServer(listener, {
    schema: await createSchema(RESOLVERS),
    services: {
      jobs,
      submission: new Submission({ jobs, dispatcher, waitMs: config.submitWaitMs }),
      waiting: new WaitingReasons({ holds, dispatcher, clock, isPaused: config.dispatchPaused }),
      faces: new FaceDetector(detections, log),
      account: new Account({ akool, jobs, maxConcurrency: config.akool.maxConcurrency, log }),
      eraser,
      uploads,
      uploadSweeper,
      followTokens,
      cursors: new Cursors(opened.keys.cursors, 'jobs'),
      uploadCursors: new Cursors(opened.keys.cursors, 'uploads'),
      changeCursors: new Cursors(opened.keys.cursors, 'changes'),
      mediaUrl: ({ name }) => `${baseUrl}/media/${name}`,
      log,
    },
    authenticate: (authorization) => authenticator.authenticate(authorization),
    callbacks: new CallbackReceiver({ store, jobs, reconciler, clock, settings, log }),
    readiness: async () => (isStopping() ? 'stopping' : await health.readiness()),
    isStopping,
    metrics: registry,
    metricsToken: given.secrets.metricsToken,
    pages: pagesOf(config, sandbox, baseUrl),
    builtDir: BUILT_DIR,
    archive,
    uploads: { receiver, records: uploadStore, blobs: opened.uploads, addresses },
    thumbnails,
    introspection: config.introspection,
    trusted: config.trustedDocuments === null ? null : await TrustedDocuments.read(config.trustedDocuments),
    rates: new RateLimits(config.rates, opened.limiters?.create),
    corsOrigins: config.corsOrigins,
    onlyThisMachine: thisMachine(given),
    publicPath:
      config.publicUrl === null ? '' : new URL(config.publicUrl).pathname.replace(/(?<!\/)\/+$/, ''),
    maxSockets: config.maxSockets,
    maxSocketOperations: config.maxSocketOperations,
    maxSubscriptions: config.maxSubscriptions,
    log,
  });

  return {
    http,
    receiver,
    leftovers: new LeftoverSweep({ spool, blobs: opened.uploads, clock, log }),
    thumbnails,
    catchUp: new CatchUp({ store, bus, log, everyMs: CATCH_UP_MS }),
    dispatcher,
    watch: new AccountWatch({ holds, store, akool, dispatcher, clock, settings, log }),
    reconciler,
    archiver: new Archiver({ store, jobs, archive, fetcher, clock, settings, log }),
    eraser,
    uploadSweeper,
    thumbnailSweeper: new ThumbnailSweeper({ archive, log }),
    expiry: new ExpiryWatch({ store, clock, registry, log }),
    positions: new QueuePositions({
      store,
      bus,
      jobs,
      holds,
      clock,
      log,
      everyMs: QUEUE_POSITION_EVERY_MS,
      lookEveryMs: store.exclusive ? LOOK_IN_ANY_CASE_MS : LOOK_AT_OTHERS_MS,
    }),
    metrics: new Metrics(jobs, registry, () =>
      config.dispatchPaused ? 'PAUSED' : holds.last?.blocks ? holds.last.reason : null,
    ),
  };
}

function warnOfUnreachableUrls({ config, log }: Settings, baseUrl: string): void {
  if (config.publicUrl !== null || isLoopback(config.host) || !isLocalUrl(baseUrl)) return;
  log.warn(
    { url: baseUrl },
    'HOST lets other machines in and PUBLIC_URL is not set: they cannot open the URLs of uploads and kept results, which name this machine. Set PUBLIC_URL to the URL at which they reach the gateway.',
  );
}

/** Returns null if the gateway serves everyone. */
function thisMachine({ config, log }: Settings): ThisMachine | null {
  if (!config.auth.onlyThisMachine) return null;
  if (config.publicUrl !== null && !isLocalUrl(config.publicUrl)) {
    log.warn(
      { publicUrl: config.publicUrl },
      'PUBLIC_URL is set and callers are not authenticated: under that name only callbacks, kept results and uploads are served. Set AUTH_API_KEYS, AUTH_JWKS_URL or AUTH_JWT_SECRET to serve the rest, or AUTH=none to serve it to everyone.',
    );
  }
  return config;
}

function authenticatorOf({ config, secrets, log }: Settings, followTokens: FollowTokens): Authenticator {
  const { auth } = config;
  if (secrets.jwtSecret !== null && secrets.jwtSecret.length < STRONG_SECRET_LENGTH) {
    log.warn(
      'AUTH_JWT_SECRET is short enough to be guessed from any token; use at least 32 random characters',
    );
  }
  const short = secrets.apiKeys.filter(({ isShort }) => isShort).map(({ tenant }) => tenant);
  if (short.length > 0) {
    log.warn(
      { tenants: short },
      `AUTH_API_KEYS has keys that are short enough to be guessed; use at least ${STRONG_KEY_LENGTH} random characters`,
    );
  }
  return new Authenticator({
    isOpen: auth.isOpen,
    keys: secrets.apiKeys,
    jwt:
      auth.jwksUrl === null && secrets.jwtSecret === null
        ? null
        : new JwtVerifier({ ...auth, secret: secrets.jwtSecret, proxies: secrets.proxies }),
    followTokens,
    log,
  });
}

function pagesOf(config: Config, sandbox: Sandbox | null, baseUrl: string): readonly Page[] {
  const samples = sandbox && {
    source: `${sandbox.url}/samples/source-face.png`,
    target: `${sandbox.url}/samples/target-face.png`,
  };
  const pages: Page[] = [];
  if (config.studio) {
    const { maxImageBytes, maxVideoBytes } = config.uploads;
    const mediaOrigin = new URL(baseUrl).origin;
    pages.push(
      studioPage({
        signIn: !config.auth.isOpen,
        isSandbox: sandbox !== null,
        samples,
        opensToThisMachine: config.auth.onlyThisMachine,
        takesAnyDocument: config.trustedDocuments === null,
        maxImageBytes,
        maxVideoBytes,
        mediaOrigin,
      }),
    );
  }
  if (config.graphiql) pages.push(graphiqlPage(samples ?? PLACEHOLDERS));
  return pages;
}

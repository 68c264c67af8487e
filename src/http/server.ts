/** The HTTP server: every endpoint of the gateway, in one place. */
import type { RequestListener } from 'node:http';
import fastify, { type FastifyInstance, LogController } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { matchesOrigin } from '../config/origins.js';
import type { ReportUnexpected } from '../graphql/client-errors.js';
import { Engine } from '../graphql/engine.js';
import { DEFAULT_LIMITS } from '../graphql/query-limits.js';
import type { RateLimits } from '../graphql/rate-limits.js';
import type { TrustedDocuments } from '../graphql/trusted-documents.js';
import { isLocalUrl } from '../loopback.js';
import type { CallerContext, Services } from '../resolvers/context.js';
import { JobReads } from '../resolvers/job-reads.js';
import type { Caller } from '../services/auth/caller.js';
import { HeardBytes } from '../services/limits/heard-bytes.js';
import { HeldBytes } from '../services/limits/held-bytes.js';
import type { BlobReader } from '../services/media/blob-store.js';
import { BrokenRequests } from './broken-requests.js';
import { type Callbacks, callbackRoute } from './callbacks.js';
import { askFirst } from './callers.js';
import { allowOrigins } from './cross-origin.js';
import { EventStreams, eventStreamRoute } from './event-stream.js';
import { leadBrowsersToGraphiql } from './graphiql.js';
import { graphqlRoute } from './graphql.js';
import { homeRoute } from './home.js';
import { errorAnswers, sendRefusal } from './http-errors.js';
import type { Listener } from './listener.js';
import { LoopbackGuard, type ThisMachine } from './loopback-guard.js';
import { mediaRoutes } from './media.js';
import { refuseOtherSites } from './other-sites.js';
import { type Page, pageRoutes } from './pages.js';
import { PersistedTexts } from './persisted-queries.js';
import { type ProbeOptions, probeRoutes } from './probes.js';
import { takeQueryToken } from './query-token.js';
import { type UploadDoor, uploadRoutes } from './uploads.js';
import { type WebsocketEndpoint, websocketEndpoint, withoutPrefix } from './websocket.js';

interface ServerOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  /**
   * Returns the caller with these credentials.
   *
   * @throws AuthenticationError
   */
  readonly authenticate: (authorization: string | undefined) => Promise<Caller>;
  readonly callbacks: Callbacks;
  readonly readiness: ProbeOptions['readiness'];
  /** While true, connections end with their next answer, so that load balancers switch to other instances. */
  readonly isStopping: () => boolean;
  readonly metrics: Registry;
  readonly metricsToken: string | null;
  /** Those that are on. */
  readonly pages: readonly Page[];
  /** The folder of what scripts/build.mjs makes of them. */
  readonly builtDir: string;
  readonly archive: BlobReader;
  readonly uploads: UploadDoor;
  readonly thumbnails: BlobReader;
  readonly introspection: boolean;
  readonly trusted: TrustedDocuments | null;
  readonly rates: RateLimits;
  /** Patterns of the origins whose pages may call; if empty, only our own pages. */
  readonly corsOrigins: readonly string[];
  /**
   * Serve only programs and pages of this machine, because every web page in a local browser can reach an open gateway.
   * Null to serve everyone.
   */
  readonly onlyThisMachine: ThisMachine | null;
  /** The path of `PUBLIC_URL`, without a trailing slash. It may lead each request, because not every proxy strips it. */
  readonly publicPath: string;
  readonly maxSockets: number;
  readonly maxSocketOperations: number;
  readonly maxSubscriptions: number;
  readonly log: Logger;
}

export interface HttpServer {
  /** Sets up all routes and begins to answer. Call it once. */
  serve(): Promise<void>;
  /** What a stop waits for: requests without a complete answer, event streams included, and open WebSockets. */
  readonly unfinished: { readonly requests: number; readonly sockets: number };
  /** Closes sockets with 1001, then stops the listener, all within `drainMs`. Safe to call twice. */
  stop(drainMs: number): Promise<void>;
}

/** In bytes: all bodies and socket messages that are not answered yet. */
const MAX_BODIES_BYTES = 64 * 1024 * 1024;
/** In bytes: all answers that are being built or not read yet. */
const MAX_ANSWERS_BYTES = 128 * 1024 * 1024;
/** In bytes: 100 images with the longest allowed URLs fit. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const CLOSE_TIMEOUT_MS = 2000;
/** How long answers may still take after the drain. */
const LAST_ANSWERS_MS = 500;
const INIT_TIMEOUT_MS = 10_000;
const PING_MS = 12_000;

/** Answers the requests of `listener`, from `serve` on. */
export function createHttpServer(listener: Listener, options: ServerOptions): HttpServer {
  let answer: RequestListener = () => {};
  const broken = new BrokenRequests();
  const app = fastify({
    loggerInstance: options.log,
    // Requests need no logger of their own.
    childLoggerFactory: (log) => log,
    logController: new LogController({ disableRequestLogging: true }),
    serverFactory: (take) => {
      answer = take;
      return listener.server;
    },
    routerOptions: { maxParamLength: 256 },
    rewriteUrl: ({ url = '/' }) => withoutPrefix(url, options.publicPath),
    // Requests on existing connections are still answered; the connections are closed after that.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => broken.answer(error, socket),
    // The address can't be decoded.
    frameworkErrors: ({ code }, request, reply) => {
      request.log.warn({ reason: code }, 'request refused');
      return sendRefusal(reply.headers(HEADERS), 400);
    },
  }) as unknown as FastifyInstance;
  const { schema, introspection } = options;
  const answers = new HeldBytes(MAX_ANSWERS_BYTES);
  const bodies = new HeldBytes(MAX_BODIES_BYTES);
  const heard = new HeardBytes();
  const reportUnexpected: ReportUnexpected = (error, reference) =>
    options.log.error({ err: error, reference }, 'unexpected error');
  const engine = new Engine({
    schema,
    limits: DEFAULT_LIMITS,
    rates: options.rates,
    maxSubscriptions: options.maxSubscriptions,
    trusted: options.trusted,
    introspection,
    answers,
    reportUnexpected,
  });
  const contextOf = async (authorization: string | undefined): Promise<CallerContext> => ({
    services: options.services,
    caller: await options.authenticate(authorization),
    reads: new JobReads(options.services.jobs),
  });
  const { onlyThisMachine, corsOrigins } = options;
  const guard = onlyThisMachine === null ? null : new LoopbackGuard(onlyThisMachine, options.log);
  const mayCall = (origin: string): boolean =>
    matchesOrigin(corsOrigins, origin) || (guard !== null && isLocalUrl(origin));
  let sockets: WebsocketEndpoint | null = null;
  let apollo: Awaited<ReturnType<typeof graphqlRoute>> | null = null;
  let stopped: Promise<void> | null = null;

  return {
    serve: async () => {
      errorAnswers(app, reportUnexpected);
      securityHeaders(app);
      dropBodiesOfGets(app);
      endConnectionsOnce(app, options.isStopping);
      guard?.protect(app);
      const { pages, builtDir } = options;
      if (pages.some(({ name }) => name === 'graphiql')) leadBrowsersToGraphiql(app);
      const hasOrigins = corsOrigins.length > 0 || guard !== null;
      if (hasOrigins) await allowOrigins(app, corsOrigins.includes('*') ? '*' : mayCall);
      const onRequest = [refuseOtherSites(mayCall), takeQueryToken, askFirst(app, contextOf, bodies, heard)];
      const persisted = new PersistedTexts();
      const streams = new EventStreams(app, {
        engine,
        persisted,
        reportUnexpected,
        maxStreams: options.maxSockets,
      });
      apollo = await graphqlRoute(app, {
        schema,
        engine,
        persisted,
        onRequest,
        streams,
        reportUnexpected,
        introspection,
        log: options.log,
      });
      eventStreamRoute(app, streams, onRequest);
      await app.register(callbackRoute(options.callbacks), { prefix: '/webhooks/akool' });
      await app.register(probeRoutes(options));
      await app.register(mediaRoutes(options));
      // A page at `localhost` sends files to the `127.0.0.1` of our addresses, which are the authorization.
      const maySend = (origin: string): boolean => mayCall(origin) || isLocalUrl(origin);
      await app.register(uploadRoutes(options.uploads, broken, maySend, hasOrigins), { prefix: '/uploads' });
      for (const page of pages) await app.register(pageRoutes(builtDir, page));
      if (pages.length > 0) await app.register(homeRoute(builtDir, pages, options.publicPath));
      const endpoint = websocketEndpoint({
        engine,
        reportUnexpected,
        context: contextOf,
        answers,
        bodies,
        heard,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        publicPath: options.publicPath,
        maxSockets: options.maxSockets,
        maxOperations: options.maxSocketOperations,
        initTimeoutMs: INIT_TIMEOUT_MS,
        pingMs: PING_MS,
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
        mayConnect: ({ headers }) => guard?.allows(headers) ?? true,
      });
      sockets = endpoint;
      countSockets(endpoint, options.metrics);
      await app.ready();
      listener.serve(answer, () => endpoint.onWebsocket);
    },
    get unfinished() {
      return { requests: listener.unanswered, sockets: sockets?.size ?? 0 };
    },
    stop: (drainMs) => {
      stopped ??= stop(Math.max(drainMs, LAST_ANSWERS_MS));
      return stopped;
    },
  };

  async function stop(drainMs: number): Promise<void> {
    const until = performance.now() + drainMs;
    await sockets?.stop(drainMs);
    try {
      // Ends event streams, which makes their connections idle.
      await app.close();
    } finally {
      await listener.stop(Math.max(until - performance.now(), LAST_ANSWERS_MS));
    }
    await apollo?.stop();
  }
}

/** Sent with every answer; pages and files add their own. */
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

function countSockets(sockets: WebsocketEndpoint, metrics: Registry): void {
  const open: Gauge = new Gauge({
    name: 'faceswap_sockets_open',
    help: 'Open WebSockets.',
    registers: [metrics],
    collect: () => open.set(sockets.size),
  });
}

function securityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS);
    done();
  });
}

/** They are not read, and would stay in memory until the answer is sent. */
function dropBodiesOfGets(app: FastifyInstance): void {
  app.addHook('onRequest', ({ method, raw }, _reply, done) => {
    if (method === 'GET' || method === 'HEAD') raw.resume();
    done();
  });
}

function endConnectionsOnce(app: FastifyInstance, isStopping: () => boolean): void {
  // As late as possible, so that it also applies to requests from before the stop.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isStopping()) reply.header('connection', 'close');
    done(null, payload);
  });
}

/** The HTTP server: every address of the gateway, in one place. */
import fastify, { type FastifyInstance, LogController } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ReportUnexpected } from '../errors.js';
import type { Caller, GatewayContext, Services } from '../resolvers/context.js';
import type { CallbackReceiver } from '../services/jobs/callback.js';
import { graphiqlRoutes } from './graphiql.js';
import { graphqlRoute } from './graphql.js';
import { mediaRoutes } from './media.js';
import { probeRoutes } from './probes.js';
import { webhookRoute } from './webhook.js';
import { type WebsocketEndpoint, websocketEndpoint } from './websocket.js';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly schema: GraphQLSchema;
  readonly services: Services;
  /** Who a request with these credentials is. */
  readonly authenticate: (authorization: string | undefined) => Promise<Caller>;
  readonly callbacks: Pick<CallbackReceiver, 'receive'>;
  readonly ready: () => Promise<void>;
  readonly metrics: Registry;
  readonly graphiql: {
    readonly assetsDir: string;
    readonly samples: { source: string; target: string };
  } | null;
  readonly archiveDir: string;
  readonly introspection: boolean;
  readonly log: Logger;
}

export interface HttpServer {
  /** Begins to listen; resolves with the port. */
  start(): Promise<number>;
  /** Closes sockets with 1001, lets requests in flight end, closes. Safe to call twice. */
  stop(): Promise<void>;
  readonly openSockets: number;
}

/** Bytes: a picture of 5 MB in base64 fits. */
const MOST_BODY_BYTES = 8 * 1024 * 1024;
/** Bytes: 100 images with the longest allowed addresses fit. */
const MOST_MESSAGE_BYTES = 1024 * 1024;
const CLOSE_TIMEOUT_MS = 2000;

export function createHttpServer(options: ServerOptions): HttpServer {
  const app: FastifyInstance = fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MOST_BODY_BYTES,
    routerOptions: { maxParamLength: 256 },
    return503OnClosing: true,
  }) as unknown as FastifyInstance;
  const context = async (authorization: string | undefined): Promise<GatewayContext> => ({
    ...options.services,
    caller: await options.authenticate(authorization),
  });
  const reportUnexpected: ReportUnexpected = (error, reference) =>
    options.log.error({ err: error, reference }, 'unexpected error');
  let sockets: WebsocketEndpoint | null = null;
  let apollo: Awaited<ReturnType<typeof graphqlRoute>> | null = null;
  let stopped: Promise<void> | null = null;

  return {
    get openSockets() {
      return sockets?.size ?? 0;
    },
    start: async () => {
      const { schema } = options;
      apollo = await graphqlRoute(app, {
        schema,
        context: ({ authorization }) => context(authorization),
        reportUnexpected,
        introspection: options.introspection,
        log: options.log,
      });
      await app.register(webhookRoute(options.callbacks));
      await app.register(probeRoutes(options));
      await app.register(mediaRoutes(options.archiveDir));
      if (options.graphiql !== null) await app.register(graphiqlRoutes(options.graphiql));
      sockets = websocketEndpoint(app.server, {
        schema,
        context: (params) => context(authorizationOf(params)),
        reportUnexpected,
        maxMessageBytes: MOST_MESSAGE_BYTES,
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
      });
      await app.listen({ host: options.host, port: options.port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };

  async function stop(): Promise<void> {
    await sockets?.stop();
    await app.close();
    await apollo?.stop();
  }
}

function authorizationOf(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const value = params?.['authorization'] ?? params?.['Authorization'];
  return typeof value === 'string' ? value : undefined;
}

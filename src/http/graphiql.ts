/** `GET /graphiql`: serves the GraphiQL page that scripts/build.mjs builds from src/pages/graphiql. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { StartError } from '../errors.js';
import { GRAPHQL_PATH } from './graphql.js';

interface GraphiqlOptions {
  /** The folder of the built page: dist/graphiql. */
  readonly assetsDir: string;
  /** Pictures for the example mutation, as absolute URLs that the provider can fetch. */
  readonly samples: { readonly source: string; readonly target: string };
}

/** Throws at registration if the page has not been built. */
export function graphiqlRoutes({ assetsDir, samples }: GraphiqlOptions): FastifyPluginAsync {
  return async (app) => {
    const template = await readFile(join(assetsDir, 'index.html'), 'utf8').catch((cause: unknown) => {
      throw new StartError(
        `GRAPHIQL is on, but its page is not built in ${assetsDir}: run "npm run build", or set GRAPHIQL=false`,
        { cause },
      );
    });
    const page = template.replace('"{{gateway}}"', () =>
      inScript({ sampleSource: samples.source, sampleTarget: samples.target }),
    );

    app.addHook('onRequest', async (_request, reply) => {
      reply.header('x-content-type-options', 'nosniff');
    });
    app.get('/graphiql', (_request, reply) =>
      reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(page),
    );
    app.get('/graphiql/', (_request, reply) => reply.redirect('../graphiql', 308));

    await app.register(fastifyStatic, {
      root: join(assetsDir, 'assets'),
      prefix: '/graphiql/assets/',
      decorateReply: false,
      index: false,
      // The path contains a hash of the sources.
      immutable: true,
      maxAge: '365d',
      preCompressed: true,
    });
  };
}

/**
 * Leads browsers that open `/` or `/graphql` to the page.
 *
 * @param publicPath the path of `PUBLIC_URL`, without a trailing slash
 */
export function leadBrowsersToGraphiql(app: FastifyInstance, publicPath: string): void {
  // Relative without PUBLIC_URL, because a proxy may serve the gateway below a path. Absolute with it, because a browser
  // that opens its bare path would leave it.
  const page = publicPath === '' ? 'graphiql' : `${publicPath}/graphiql`;
  app.addHook('onRequest', async (request, reply) => {
    // A query at `/graphql` is for GraphQL.
    const isEntrance = /^\/(?:$|\?)/.test(request.url) || request.url === GRAPHQL_PATH;
    if (isEntrance && isFromAddressBar(request)) await reply.redirect(page);
  });
}

function isFromAddressBar({ method, headers: { accept = '' } }: FastifyRequest): boolean {
  return method === 'GET' && /\btext\/html\b/.test(accept);
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  // Monaco sets style attributes and adds style elements at run time.
  "style-src 'self' 'unsafe-inline'",
  // GraphiQL's style sheet holds its fonts as data URLs.
  "font-src 'self' data:",
  // Results may come from our archive, Akool or the sandbox.
  'img-src data: http: https:',
  'media-src http: https:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

/** JSON that cannot end the script element that contains it. */
function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

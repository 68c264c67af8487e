/** `GET /graphiql`: GraphiQL, with an example that is ready to run. */
import type { FastifyInstance } from 'fastify';
import { GRAPHQL_PATH } from './graphql.js';
import { isForGraphql, wasAskedFor } from './other-sites.js';
import type { Page } from './pages.js';

/** @param samples pictures for the example mutation, as absolute URLs that the provider can fetch */
export function graphiqlPage(samples: { readonly source: string; readonly target: string }): Page {
  return {
    name: 'graphiql',
    setting: 'GRAPHIQL',
    config: { sampleSource: samples.source, sampleTarget: samples.target },
    policy: {
      'worker-src': "'self'",
      // Monaco sets style attributes and adds style elements at run time.
      'style-src': "'self' 'unsafe-inline'",
      // GraphiQL's style sheet holds its fonts as data URLs.
      'font-src': "'self' data:",
      // Results may come from our archive, Akool or the sandbox.
      'img-src': 'data: http: https:',
      'media-src': 'http: https:',
    },
  };
}

/** Leads browsers that open `/graphql` to the page, with their query if that would be refused. */
export function leadBrowsersToGraphiql(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ method, url, headers }, reply) => {
    if (method !== 'GET' || !/\btext\/html\b/.test(headers.accept ?? '')) return;
    const path = url.split('?', 1)[0];
    const search = /\?.+/s.exec(url)?.[0] ?? '';
    if (search !== '' && (wasAskedFor(headers) || isForGraphql(headers))) return;
    // Relative, because a proxy may serve the gateway below a path.
    if (path === GRAPHQL_PATH) await reply.redirect(`graphiql${search}`);
    if (path === `${GRAPHQL_PATH}/`) await reply.redirect(`../graphiql${search}`);
  });
}

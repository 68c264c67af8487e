/** `GET /graphiql`: GraphiQL, with an example that is ready to run. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { GRAPHQL_PATH } from './graphql.js';
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

/** Leads browsers that open `/graphql` to the page, which shows the query of the address, if there is one. */
export function leadBrowsersToGraphiql(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    // Relative, because a proxy may serve the gateway below a path.
    const { method, url, headers } = request;
    if (method !== 'GET' || !isFromAddressBar(headers)) return;
    if (url === `${GRAPHQL_PATH}/`) await reply.redirect('../graphiql');
    else if (url === GRAPHQL_PATH || url.startsWith(`${GRAPHQL_PATH}?`))
      await reply.redirect(`graphiql${url.slice(GRAPHQL_PATH.length)}`);
  });
}

/** Browsers ask for HTML, and not for JSON; they have no credentials until the page asks for them. */
function isFromAddressBar({ accept = '', authorization }: IncomingHttpHeaders): boolean {
  return /\btext\/html\b/.test(accept) && !/json/.test(accept) && authorization === undefined;
}

/** `GET /`: says where things are. Programs that do not take HTML get 404. */
import type { FastifyPluginAsync } from 'fastify';
import Negotiator from 'negotiator';
import { headersOf, type Page, pageFiles, readPage } from './pages.js';

const HOME: Page = { name: 'home', setting: null, config: {}, policy: { 'script-src': "'none'" } };
const TYPES = ['text/html', 'application/json'];

/**
 * @param served the pages that are on
 * @param publicPath the path of `PUBLIC_URL`, without a trailing slash
 */
export function homeRoute(builtDir: string, served: readonly Page[], publicPath: string): FastifyPluginAsync {
  return async (app) => {
    const template = await readPage(builtDir, HOME);
    const html = template
      // Relative without PUBLIC_URL, because a proxy may serve the gateway below a path. Absolute with it, because a
      // browser that opens its bare path would leave it.
      .replaceAll('{{base}}', publicPath === '' ? '' : `${publicPath}/`)
      .replaceAll(/<li data-page="(\w+)">[\s\S]*?<\/li>/g, (item, name) =>
        served.some((page) => page.name === name) ? item : '',
      );
    app.get('/', (request, reply) => {
      reply.header('vary', 'accept');
      if (new Negotiator(request.raw).mediaType(TYPES) !== 'text/html') return reply.callNotFound();
      return reply.headers(headersOf(HOME)).type('text/html; charset=utf-8').send(html);
    });
    await app.register(pageFiles(builtDir, HOME));
  };
}

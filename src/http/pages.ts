/** Serves the pages that scripts/build.mjs builds from src/pages. They load nothing but their own files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';
import { StartError } from '../errors.js';

export interface Page {
  /** Its folder in src/pages and in dist. */
  readonly name: 'graphiql' | 'studio' | 'home';
  /** The setting that turns it off; null if it depends on other pages. */
  readonly setting: string | null;
  /** Replaces `"{{gateway}}"` in its HTML: what the page has to know of this gateway. */
  readonly config: object;
  /** Directives of its Content-Security-Policy that differ from those below. */
  readonly policy: Readonly<Record<string, string>>;
}

/** @throws StartError if the page has not been built */
export async function readPage(builtDir: string, { name, setting, config }: Page): Promise<string> {
  const folder = join(builtDir, name);
  const template = await readFile(join(folder, 'index.html'), 'utf8').catch((cause: unknown) => {
    const off = setting === null ? '' : `, or set ${setting}=false`;
    throw new StartError(
      `${setting ?? 'A page'} is on, but its page is not built in ${folder}: run "npm run build"${off}`,
      { cause },
    );
  });
  return template.replace('"{{gateway}}"', () => inScript(config));
}

/** What a page needs besides itself: its files, which its HTML names by paths relative to the gateway. */
export function pageFiles(builtDir: string, { name }: Page): FastifyPluginAsync {
  return async (app) => {
    await app.register(fastifyStatic, {
      root: join(builtDir, name, 'assets'),
      prefix: `/${name}/assets/`,
      decorateReply: false,
      index: false,
      // The path contains a hash of the sources.
      immutable: true,
      maxAge: '365d',
      preCompressed: true,
    });
  };
}

/** Serves the page at its name: `/graphiql`. */
export function pageRoutes(builtDir: string, page: Page): FastifyPluginAsync {
  return async (app) => {
    const { name } = page;
    const html = await readPage(builtDir, page);
    app.get(`/${name}`, (_request, reply) =>
      reply.headers(headersOf(page)).type('text/html; charset=utf-8').send(html),
    );
    app.get(`/${name}/`, (_request, reply) => reply.redirect(`../${name}`, 308));
    await app.register(pageFiles(builtDir, page));
  };
}

export function headersOf({ policy }: Page): Readonly<Record<string, string>> {
  const directives = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': "'self'",
    'img-src': "'self' data:",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...policy,
  };
  return {
    'cache-control': 'no-cache',
    'content-security-policy': Object.entries(directives)
      .map(([name, sources]) => `${name} ${sources}`)
      .join('; '),
    'cross-origin-opener-policy': 'same-origin',
  };
}

/** JSON that cannot end the script element that contains it. */
function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** Downloading results: from the public internet and from Akool's own host, and from nowhere else. */
import { afterEach, describe, expect, it } from 'vitest';
import { isPublic, ResultFetcher } from '../../../src/services/media/result-fetcher.js';
import { startConnectProxy } from '../../support/connect-proxy.js';
import { type Answer, httpServer, type LocalServer, text } from '../../support/local-server.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serverThat(answer: Answer): Promise<LocalServer> {
  const server = await httpServer(answer);
  ends.push(() => server.close());
  return server;
}

function fetcherFor(trustedUrl: string): ResultFetcher {
  const fetcher = new ResultFetcher(trustedUrl);
  ends.push(() => fetcher.close());
  return fetcher;
}

const { signal } = new AbortController();
const redirectTo =
  (location: string, status = 302): Answer =>
  (_request, response) =>
    void response.writeHead(status, { location }).end('moved');

describe('an address that leads into this network', () => {
  it.each([
    'localhost',
    '127.0.0.1',
    '127.1',
    '127.0.0.1.',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '%31%32%37.0.0.1',
    '①②⑦.⓪.⓪.①',
    '0.0.0.0',
    '0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::127.0.0.1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    '[2001::1]',
    '[fc00::1]',
    '[fdff::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[4000::1]',
  ])('is refused: https://%s', async (host) => {
    const server = await serverThat(text(200, 'secret'));
    const { port } = new URL(server.url);
    const fetching = fetcherFor('https://openapi.akool.com').fetch(`https://${host}:${port}/a.png`, signal);
    await expect(fetching).rejects.toMatchObject({ code: 'FORBIDDEN_ADDRESS' });
    expect(server.connections()).toBe(0);
  });

  it.each(['http://example.com/a.png', 'ftp://example.com/a.png', 'file:///etc/passwd', 'data:image/png,x'])(
    'and one that is not https is refused: %s',
    async (url) => {
      const fetching = fetcherFor('https://openapi.akool.com').fetch(url, signal);
      await expect(fetching).rejects.toMatchObject({ code: 'FORBIDDEN_ADDRESS' });
    },
  );

  it.each([
    'https://localhost',
    'https://127.0.0.1',
    'http://127.0.0.1',
    'https://[::1]',
    'file:///etc/passwd',
  ])('is refused as the goal of a redirect too: %s', async (goal) => {
    const inside = await serverThat(text(200, 'secret'));
    const address = goal.startsWith('file') ? goal : `${goal}:${new URL(inside.url).port}/`;
    const akool = await serverThat(redirectTo(address));
    const fetching = fetcherFor(akool.url).fetch(`${akool.url}/a.png`, signal);
    await expect(fetching).rejects.toMatchObject({ code: 'FORBIDDEN_ADDRESS' });
    expect(inside.connections()).toBe(0);
  });
});

describe('Behind a proxy', () => {
  async function proxied(trustedUrl: string) {
    const server = await serverThat(text(200, 'picture'));
    const proxy = await startConnectProxy(new Map([['akool.outside.test:80', server.url]]));
    ends.push(() => proxy.stop());
    const fetcher = new ResultFetcher(trustedUrl, { http: proxy.url, https: proxy.url, exceptions: '' });
    ends.push(() => fetcher.close());
    return { proxy, fetcher };
  }

  it.each([
    'https://127.0.0.1/a.png',
    'https://10.0.0.1/a.png',
    'https://169.254.169.254/latest/meta-data/',
    'https://[fd00::1]/a.png',
    'https://localhost/a.png',
    'https://intranet/a.png',
    'https://intranet./a.png',
    'https://metadata.google.internal/a.png',
    'https://printer.LOCAL./a.png',
    'https://nas.home.arpa/a.png',
    'http://cdn.outside.test/a.png',
  ])('what is not on the internet by its URL is refused unasked: %s', async (url) => {
    const { proxy, fetcher } = await proxied('https://openapi.akool.com');
    await expect(fetcher.fetch(url, signal)).rejects.toMatchObject({ code: 'FORBIDDEN_ADDRESS' });
    expect(proxy.asked).toEqual([]);
  });

  it('other results are fetched through it, and those of Akool itself', async () => {
    const { proxy, fetcher } = await proxied('http://akool.outside.test');
    const { body } = await fetcher.fetch('http://akool.outside.test/a.png', signal);
    expect(Buffer.concat(await body.toArray()).toString()).toBe('picture');
    await expect(fetcher.fetch('https://cdn.outside.test/a.png', signal)).rejects.toThrow(
      'the proxy answered 502',
    );
    expect(proxy.asked).toEqual(['akool.outside.test:80', 'cdn.outside.test:443']);
  });

  it('what NO_PROXY names is resolved here', async () => {
    const proxies = { http: null, https: 'http://127.0.0.1:1', exceptions: 'outside.test' };
    const fetcher = new ResultFetcher('https://openapi.akool.com', proxies);
    ends.push(() => fetcher.close());
    const fetching = fetcher.fetch('https://cdn.outside.test/a.png', signal);
    await expect(fetching).rejects.toMatchObject({ syscall: 'getaddrinfo' });
  });
});

describe("Akool's own address", () => {
  it('is excepted, with its port, and only that', async () => {
    const akool = await serverThat(text(200, 'picture'));
    const other = await serverThat(text(200, 'secret'));
    const fetcher = fetcherFor(`${akool.url}/some/path`);
    const { body, contentLength } = await fetcher.fetch(`${akool.url}/a.png`, signal);
    expect(contentLength).toBe(7);
    expect(Buffer.concat(await body.toArray()).toString()).toBe('picture');
    await expect(fetcher.fetch(`${other.url}/a.png`, signal)).rejects.toMatchObject({
      code: 'FORBIDDEN_ADDRESS',
    });
    expect(other.connections()).toBe(0);
  });

  it('may redirect within itself', async () => {
    const akool = await serverThat((request, response) =>
      request.path === '/b.png' ? text(200, 'b')(request, response) : redirectTo('b.png')(request, response),
    );
    const { body } = await fetcherFor(akool.url).fetch(`${akool.url}/a.png`, signal);
    expect(Buffer.concat(await body.toArray()).toString()).toBe('b');
  });

  it('is left after five redirects', async () => {
    const akool = await serverThat(redirectTo('/again.png'));
    const fetching = fetcherFor(akool.url).fetch(`${akool.url}/a.png`, signal);
    await expect(fetching).rejects.toMatchObject({ code: 'TOO_MANY_REDIRECTS' });
    expect(akool.received).toHaveLength(6);
  });

  it.each<[string, Answer]>([
    ['404', text(404, 'gone')],
    ['500', text(500, 'oops')],
    ['206, which is a part', text(206, 'part')],
    ['204', (_request, response) => void response.writeHead(204).end()],
    ['a redirect to nowhere', (_request, response) => void response.writeHead(302).end()],
    ['a redirect to no address', redirectTo('http://[')],
  ])('gives no result with %s', async (_what, answer) => {
    const akool = await serverThat(answer);
    const fetching = fetcherFor(akool.url).fetch(`${akool.url}/a.png`, signal);
    await expect(fetching).rejects.toMatchObject({ code: 'HTTP_STATUS' });
  });

  it('gets no credentials of ours', async () => {
    const akool = await serverThat(text(200, 'x'));
    const { body } = await fetcherFor(akool.url).fetch(`${akool.url}/a.png`, signal);
    await body.toArray();
    expect(Object.keys(akool.received[0]?.headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/authorization|cookie|api-key/)]),
    );
  });
});

it.each([
  ['1.1.1.1', true],
  ['2606:4700:4700::1111', true],
  ['::ffff:1.1.1.1', true],
  ['::ffff:10.0.0.1', false],
  ['::101:101', false],
])('isPublic(%s) is %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});

/** HTTP by the specifications: GraphQL over HTTP, CSRF, CORS, headers, and errors outside of GraphQL. */
import { Agent, request as httpRequest } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { serverAudits } from 'graphql-http';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REFUSALS } from '../../src/http/refusals.js';
import { EXPOSED } from '../support/cross-origin.js';
import { DOORS, knock } from '../support/doors.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { CORS_ORIGINS: 'https://app.example.com,https://b.example.com' } });
});
afterAll(async () => {
  await gateway.stop();
});

const JSON_TYPE = { 'content-type': 'application/json' };

function post(body: unknown, headers: Record<string, string> = {}, path = '/graphql'): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(gateway.url + path, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: text });
}

function get(search: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/graphql?${new URLSearchParams(search)}`, { headers });
}

describe('The audit of GraphQL over HTTP', () => {
  /** Where Apollo Server deviates, and why this is left as it is. */
  const EXCEPTIONS: Record<string, string> = {
    '5A70': 'MAY: a GET that no accept header says is for GraphQL could be from any page, and is refused',
    '572B': 'SHOULD, for old clients of application/json: Apollo Server says 400 to what cannot be read',
    FDE2: 'the same, for what is not valid',
    '7B9B': 'the same, for variables that do not fit',
  };

  const audits = serverAudits({ url: () => `${gateway.url}/graphql` });

  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s %s', async (id, name, audit) => {
    const result = await audit.fn();
    if (id in EXCEPTIONS) expect([name, result.status]).not.toEqual([name, 'error']);
    else expect(result).toMatchObject({ status: 'ok' });
  });
});

describe('The methods', () => {
  it('GET is for queries, mutations want POST, and subscriptions want neither', async () => {
    const accept = { accept: 'application/graphql-response+json' };
    expect((await get({ query: '{ __typename }' }, accept)).status).toBe(200);
    const mutation = await get({ query: 'mutation { deleteJob(id: "1") }' }, accept);
    expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await get({ query: 'subscription { jobsUpdated { id } }' }, accept)).status).toBe(405);
    const posted = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'subscription { jobsUpdated { id } }' }),
    });
    expect(posted.status).toBe(400);
    expect(await posted.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  it.each(['PUT', 'DELETE', 'PATCH'])('%s is refused, and the answer says which are not', async (method) => {
    for (const path of ['/graphql', '/graphql/stream']) {
      const answer = await fetch(gateway.url + path, { method });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST']);
    }
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])('%s is refused', async (method) => {
    const answer = await fetch(`${gateway.url}/graphql?query={__typename}`, { method });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(await answer.text()).not.toContain('"data"');
  });
});

describe('A simple request, as a page of any site may send it', () => {
  const query = '{ __typename }';

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; a=application/json',
  ])('of the type %s is refused', async (type) => {
    for (const path of ['/graphql', '/graphql/stream']) {
      const answer = await post({ query }, { 'content-type': type, accept: 'text/event-stream' }, path);
      expect([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true]);
      expect(await answer.text()).not.toContain('"data":{');
    }
  });

  it('without any type is refused, by POST and by GET', async () => {
    const answer = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      body: new Blob([JSON.stringify({ query })]),
    });
    expect([400, 415]).toContain(answer.status);
    expect((await get({ query }, { accept: 'image/avif,*/*' })).status).toBe(400);
  });

  describe.each([
    ['/graphql', 'application/json'],
    ['/graphql', 'text/event-stream'],
    ['/graphql/stream', 'text/event-stream'],
  ])('by GET of %s for %s', (path, accept) => {
    const status = async (headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(`${gateway.url}${path}?${new URLSearchParams({ query })}`, { headers });
      const text = await answer.text();
      // A refused request is not executed.
      expect([answer.status, text.includes('"data":{')]).toEqual([answer.status, answer.status === 200]);
      return answer.status;
    };

    it.each<[string, Record<string, string>]>([
      ['a picture', { accept: 'image/avif,image/webp,*/*;q=0.8', 'sec-fetch-site': 'cross-site' }],
      ['a picture of an old browser', { accept: 'image/avif,image/webp,*/*;q=0.8' }],
      ['a fetch that names the type', { accept, 'sec-fetch-site': 'cross-site' }],
      ['one from a neighbour', { accept, 'sec-fetch-site': 'same-site' }],
      [
        'a form',
        { accept, 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain; a=application/json' },
      ],
      [
        'a password that the browser knows',
        { accept, 'sec-fetch-site': 'cross-site', authorization: 'Basic YTpi' },
      ],
    ])('is refused: %s', async (_what, headers) => {
      expect(await status(headers)).toBe(400);
    });

    it.each<[string, Record<string, string>]>([
      ['of a program', { accept }],
      ['of a page of our own', { accept, 'sec-fetch-site': 'same-origin' }],
      [
        'of a page that CORS_ORIGINS names',
        { accept, 'sec-fetch-site': 'cross-site', origin: 'https://app.example.com' },
      ],
      [
        'of a page on another port of this machine',
        { accept, 'sec-fetch-site': 'same-site', origin: 'http://localhost:5173' },
      ],
      [
        'with a header that CORS asks for',
        { accept, 'sec-fetch-site': 'cross-site', 'apollo-require-preflight': 'true' },
      ],
      ['with a token', { accept, 'sec-fetch-site': 'cross-site', authorization: 'Bearer none' }],
    ])('is told from one that is meant: %s', async (_what, headers) => {
      expect(await status(headers)).toBe(200);
    });
  });

  it('that says which site it is from is refused by an open gateway', async () => {
    const answer = await post({ query }, { origin: 'https://evil.example.com' });
    expect([answer.status, await answer.json()]).toMatchObject([
      403,
      { errors: [{ message: expect.stringContaining('CORS_ORIGINS') }] },
    ]);
  });
});

describe('A body', () => {
  const text = JSON.stringify({ query: '{ __typename }' });
  const answered = async (body: string | Buffer, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    const { errors, data } = (await answer.json()) as { errors?: { message: string }[]; data?: unknown };
    return [answer.status, errors?.[0]?.message ?? data];
  };

  it.each<[string, Buffer]>([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
  ])('may be compressed: %s', async (encoding, body) => {
    expect(await answered(body, { 'content-encoding': encoding })).toEqual([200, { __typename: 'Query' }]);
  });

  it('may be compressed in many requests at once, whatever it inflates to', async () => {
    const padded = gzipSync(text.padEnd(200_000));
    expect(padded.length).toBeLessThan(1000);
    const bodies = Array.from({ length: 20 }, (_, index) => (index === 0 ? padded : gzipSync(text)));
    const answers = await Promise.all(bodies.map((body) => answered(body, { 'content-encoding': 'gzip' })));
    expect(answers).toEqual(bodies.map(() => [200, { __typename: 'Query' }]));
  });

  it('that is compressed with something else, broken, or too long when it is plain is refused', async () => {
    const refused = async (body: Buffer, encoding: string) =>
      answered(body, { 'content-encoding': encoding });
    expect(await refused(Buffer.from(text), 'zstd')).toMatchObject([415, expect.stringContaining('gzip')]);
    expect(await refused(Buffer.from(text), 'gzip')).toMatchObject([400, expect.stringContaining('gzip')]);
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
    expect(bomb.length).toBeLessThan(100_000);
    expect((await refused(bomb, 'gzip'))[0]).toBe(413);
  });

  it.each([
    [Buffer.from('{"query": "{ __typename } # Zo\xeb"}', 'latin1'), {}, 400, /UTF-8/],
    ['{"query": "{ __typename }"', {}, 400, /JSON/],
    ['', {}, 400, /^The body holds no query/],
    ['{}', {}, 400, /^The body holds no query: send \{"query"/],
    ['{"operationName": ""}', {}, 400, /^The body holds no query/],
    ['null', {}, 400, /^The body must be a JSON object/],
    ['"x"', {}, 400, /^The body must be a JSON object/],
    ['[{"query": "{ __typename }"}]', {}, 400, /batch/i],
    ['--x\r\n', { 'content-type': 'multipart/form-data; boundary=x' }, 415, /multipart/],
    ['{ __typename }', { 'content-type': 'application/graphql' }, 415, /application\/json/],
  ])('that cannot be read is told why: %j', async (body, headers, status, message) => {
    expect(await answered(body, { ...headers })).toEqual([status, expect.stringMatching(message)]);
  });

  it('that is missing, as its type is, is told what to send', async () => {
    const answer = await fetch(`${gateway.url}/graphql?query={__typename}`, { method: 'POST' });
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { errors: [{ message: expect.stringMatching(/^The body holds no query: send/) }] },
    ]);
  });
});

describe('Every refusal that docs/errors.md lists', () => {
  const persisted = (persistedQuery: object) => () =>
    post({ query: '{ __typename }', extensions: { persistedQuery } });
  const query = '{ __typename }';
  const asking: Record<keyof typeof REFUSALS, () => Promise<Response>> = {
    EMPTY_BODY: () => post({}),
    NOT_JSON: () => post('{'),
    MEMBER_NAME: () => post(`{"query": "{ __typename }", "variables": {"__proto__": 1}}`),
    NOT_AN_OBJECT: () => post('7'),
    OTHER_SITE: () => get({ query }),
    CREDENTIALS_TWICE: () => get({ query, access_token: 'x' }, { authorization: 'Bearer y' }),
    TOKEN_IN_QUERY: () => get({ query, access_token: 'x' }, { accept: 'application/json' }),
    PERSISTED_VERSION: persisted({ version: 2 }),
    PERSISTED_HASH: persisted({ version: 1 }),
    PERSISTED_OTHER: persisted({ version: 1, sha256Hash: 'x' }),
    OTHER_HOST: () => withHost('evil.example.com'),
    FORWARDED: () => post({ query }, { 'x-forwarded-for': '203.0.113.7' }),
    OTHER_ORIGIN: () => post({ query }, { origin: 'https://evil.example.com' }),
    OTHER_METHOD: () => fetch(`${gateway.url}/graphql`, { method: 'PUT' }),
    NOT_EVENT_STREAM: () => post({ query }, {}, '/graphql/stream'),
    MEDIA_TYPE: () => post('x', { 'content-type': 'multipart/form-data; boundary=x' }),
    ENCODING: () => post({ query }, { 'content-encoding': 'zstd' }),
  };

  function withHost(host: string): Promise<Response> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${gateway.url}/graphql`, { headers: { host } }, (response) => {
        response
          .toArray()
          .then((pieces) =>
            resolve(new Response(Buffer.concat(pieces), { status: response.statusCode ?? 0 })),
          )
          .catch(reject);
      });
      request.once('error', reject).end();
    });
  }

  it.each(Object.entries(asking))('%s is said', async (name, ask) => {
    const answer = await ask();
    const { errors } = (await answer.json()) as { errors: { message: string; extensions: object }[] };
    const [status, message] = REFUSALS[name as keyof typeof REFUSALS];
    expect(answer.status).toBe(status);
    expect(errors).toEqual([{ message, extensions: { code: 'BAD_REQUEST' } }]);
  });
});

describe('CORS', () => {
  const preflight = (origin: string, path = '/graphql') =>
    fetch(gateway.url + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });

  it.each(['/graphql', '/graphql/stream'])(
    'lets pages of the named origins ask %s, with credentials in a header',
    async (path) => {
      const allowed = await preflight('https://b.example.com', path);
      expect(allowed.status).toBe(204);
      expect(allowed.headers.get('access-control-allow-origin')).toBe('https://b.example.com');
      expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
      expect(allowed.headers.get('access-control-allow-methods')).toContain('POST');
      expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
      expect(allowed.headers.get('vary')).toMatch(/origin/i);
      const asked = await post(
        { query: '{ __typename }' },
        {
          origin: 'https://b.example.com',
          accept: path === '/graphql' ? 'application/json' : 'text/event-stream',
        },
        path,
      );
      expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([
        200,
        'https://b.example.com',
      ]);
      expect(asked.headers.get('access-control-expose-headers')).toBe(EXPOSED);
    },
  );

  it('lets pages on other ports of this machine ask an open gateway, and no other one', async () => {
    const origin = 'http://localhost:5173';
    for (const from of [origin, 'https://127.0.0.1:8443', 'http://[::1]', 'http://shop.localhost:3000']) {
      const allowed = await preflight(from);
      expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, from]);
      const asked = await post({ query: '{ __typename }' }, { origin: from });
      expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([200, from]);
    }
    const closed = await startGateway({ env: { AUTH_API_KEYS: 'acme:acme-key' } });
    const refused = await fetch(`${closed.url}/graphql`, { method: 'OPTIONS', headers: { origin } });
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    await closed.stop();
  });

  it('lets pages of apps and of one wildcard label ask', async () => {
    const env = {
      AUTH_API_KEYS: 'acme:acme-key',
      CORS_ORIGINS: 'https://*.example.com,capacitor://localhost,null',
    };
    const apps = await startGateway({ env });
    const allowedFor = async (origin: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const { headers: answered } = await fetch(`${apps.url}/graphql`, { method: 'OPTIONS', headers });
      return answered.get('access-control-allow-origin');
    };
    for (const origin of ['https://app.example.com', 'capacitor://localhost', 'null'])
      expect(await allowedFor(origin)).toBe(origin);
    for (const origin of ['https://a.b.example.com', 'ionic://localhost', 'https://evil.com'])
      expect(await allowedFor(origin)).toBeNull();
    await apps.stop();
  });

  it('lets no others', async () => {
    for (const origin of [
      'https://evil.example.com',
      'https://b.example.com.evil.com',
      'http://b.example.com',
      'null',
    ]) {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('is off without a setting, and for all with *', async () => {
    const origin = { origin: 'https://any.example.com' };
    const off = await startGateway({ env: { AUTH_API_KEYS: 'acme:acme-key' } });
    const on = await startGateway({ env: { AUTH_API_KEYS: 'acme:acme-key', CORS_ORIGINS: '*' } });
    const ask = (url: string) =>
      fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { ...JSON_TYPE, ...origin },
        body: '{"query":"{a}"}',
      });
    expect((await ask(off.url)).headers.get('access-control-allow-origin')).toBeNull();
    // A page must be able to read that its credentials have expired.
    const refused = await ask(on.url);
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, '*']);
    await Promise.all([off.stop(), on.stop()]);
  });
});

describe('Every answer', () => {
  const paths = [
    '/',
    '/graphql',
    '/graphql/stream',
    '/healthz',
    '/metrics',
    '/nothing',
    '/media/x',
    '/webhooks/akool/x',
    '/graphiql',
    '/studio',
    '/%zz',
    '/graphql/../x',
    `/${'x'.repeat(5000)}`,
  ];

  it.each(paths)('%s says nothing of what made it, and keeps browsers from guessing', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await fetch(gateway.url + path, { method });
      const { headers } = answer;
      expect([headers.get('x-powered-by'), headers.get('server'), headers.get('via')]).toEqual([
        null,
        null,
        null,
      ]);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      if (answer.status >= 400) {
        expect(headers.get('content-type')).toMatch(/^application\/json/);
        const text = await answer.text();
        expect(text).not.toMatch(/fastify|apollo.?server|node_modules|stack|FST_| {4}at /i);
        expect(text).not.toContain(path.slice(1) || '//');
      }
    }
  });

  it('about what does not exist is the same', async () => {
    for (const path of ['/nothing', '/media/x', '/graphql/', '/GRAPHQL', '/media/../package.json']) {
      const answer = await fetch(gateway.url + path);
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        404,
        { errors: [{ message: 'Not Found', extensions: { code: 'NOT_FOUND' } }] },
      ]);
    }
  });

  it('of GraphQL is kept by no cache', async () => {
    expect(
      (await get({ query: '{ __typename }' }, { accept: 'application/json' })).headers.get('cache-control'),
    ).toBe('no-store');
    expect((await post({ query: '{ __typename }' })).headers.get('cache-control')).toBe('no-store');
  });

  it('to a body that cannot be read is an error of GraphQL', async () => {
    for (const [body, headers, status] of [
      ['{', {}, 400],
      ['', {}, 400],
      ['{"query":"{ __typename }","__proto__":{"a":1}}', {}, 400],
      ['{"query":"{ __typename }"}', { 'content-type': 'application/xml' }, 415],
      ['{"query":"{ __typename }"}', { 'content-type': 'nonsense' }, 415],
      ['"text"', {}, 400],
      ['null', {}, 400],
      ['{"query":1}', {}, 400],
      ['{"query":"{ __typename }","variables":"{}"}', {}, 400],
      ['{"query":"{ __typename }","operationName":7}', {}, 400],
    ] as const) {
      const answer = await post(body, headers);
      expect([body, answer.status]).toEqual([body, status]);
      expect(await answer.json()).toMatchObject({
        errors: [{ message: expect.any(String), extensions: { code: 'BAD_REQUEST' } }],
      });
    }
  });

  it.each([
    [{}, 'timeout=72'],
    [{ KEEP_ALIVE_MS: '5000' }, 'timeout=5'],
  ])('says how long its connection is kept: %j', async (env, timeout) => {
    const kept = await startGateway({ env });
    const { headers } = await fetch(`${kept.url}/healthz`);
    await kept.stop();
    expect(headers.get('keep-alive')).toBe(timeout);
  });

  it('comes over one connection, refusals included', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (const body of [
      '{"query":"{ __typename }"}',
      '{"query":"{"}',
      '{"query":1}',
      '{"query":"{ nothing }"}',
    ]) {
      await new Promise<void>((resolve, reject) => {
        const asking = httpRequest(
          `${gateway.url}/graphql`,
          { agent, method: 'POST', headers: JSON_TYPE },
          (answer) => {
            ports.add(answer.socket.localPort);
            answer.resume().on('end', resolve);
          },
        );
        asking.on('error', reject).end(body);
      });
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });
});

describe('What nobody expected', () => {
  it.each(DOORS)('is logged whole with a reference and masked, by %s', async (door) => {
    let log = '';
    const broken = await startGateway({
      env: { AUTH_API_KEYS: 'acme:acme-key-7c1' },
      overrides: {
        log: pino(
          { level: 'trace' },
          {
            write: (line: string) => {
              log += line;
            },
          },
        ),
        wrapStore: (store) =>
          withMethods(store, {
            get: async () => {
              throw new Error('disk /var/secret-place is gone', { cause: new Error('hunter2') });
            },
          }),
      },
    });
    try {
      for (const query of ['{ job(id: "1") { id } }', 'subscription { jobUpdated(id: "1") { id } }']) {
        if (door === 'http' && query.startsWith('sub')) continue;
        const { errors, text } = await knock(door, broken.url, { query }, 'acme-key-7c1');
        expect(errors).toHaveLength(1);
        const { reference, code } = errors[0]?.extensions ?? {};
        expect(code).toBe('INTERNAL_SERVER_ERROR');
        expect(text).not.toMatch(/secret-place|hunter2| at /);
        const line = log.split('\n').find((one) => one.includes(reference ?? 'none'));
        expect(line).toContain('/var/secret-place is gone');
        expect(line).toContain('hunter2');
        expect(line).toContain('/src/services/jobs/');
      }
      expect(log).not.toContain('acme-key-7c1');
    } finally {
      await broken.stop();
    }
  });

  it('ends an event stream and a subscription that break half way', async () => {
    let isBroken = false;
    const broken = await startGateway({
      sandbox: { queueMs: 3_600_000 },
      overrides: {
        wrapStore: (store) =>
          withMethods(store, {
            histories: async (ids) => {
              if (isBroken) throw new Error('secret-place');
              return store.histories(ids);
            },
          }),
      },
    });
    const image = '[{ path: "https://example.com/a.jpg" }]';
    const made = await knock(
      'http',
      broken.url,
      {
        query: `mutation { submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } } }`,
      },
      null,
    );
    const id = /"id":"([^"]+)"/.exec(made.text)?.[1];
    isBroken = true;
    for (const door of ['socket', 'stream'] as const) {
      const { errors, text } = await knock(
        door,
        broken.url,
        { query: `subscription { jobUpdated(id: "${id}") { history { note } } }` },
        null,
      );
      expect(errors[0]?.extensions?.code).toBe('INTERNAL_SERVER_ERROR');
      expect(text).not.toContain('secret-place');
    }
    await broken.stop();
  });

  it('in checking who calls is 503 and 1013, which clients try again', async () => {
    const gateway = await startGateway({ env: { AUTH_JWKS_URL: 'http://127.0.0.1:1/keys' } });
    const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhY21lIn0.c2ln';
    for (const door of DOORS) {
      const reply = await knock(door, gateway.url, { query: '{ __typename }' }, token);
      expect([door, reply.status, reply.closed]).toEqual(
        door === 'socket' ? [door, null, 1013] : [door, 503, null],
      );
      if (door === 'socket') continue;
      expect(reply.errors[0]?.extensions?.code).toBe('AUTHENTICATION_UNAVAILABLE');
      expect(reply.headers.get('retry-after')).toBe('5');
    }
    await gateway.stop();
  });
});

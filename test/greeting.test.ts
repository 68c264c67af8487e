/** The greeting of a start: as text, and as the event that programs find the address in. */
import { expect, test } from 'vitest';
import { greetingOf, type Started, startEventOf } from '../src/greeting.js';

const DEVELOPMENT: Started = {
  url: 'http://127.0.0.1:4321',
  graphiql: true,
  studio: true,
  publicUrl: 'http://127.0.0.1:4321',
  sandbox: { url: 'http://127.0.0.1:4001' },
  proxies: {},
  takesAnyDocument: true,
};

/** What programs look for in the output of a start; `line` is all that was printed. */
const FOUND_BY: readonly (readonly [RegExp, string])[] = [
  [/GraphQL\s+(http:\/\/\S+)\/graphql\b/, 'http://127.0.0.1:4321'],
  [/(http:\/\/\S+)\/graphql\b/, 'http://127.0.0.1:4321'],
  [/http:\/\/127\.0\.0\.1:(\d+)/, '4321'],
  [/Studio\s+(\S+)/, 'http://127.0.0.1:4321/studio'],
  [/GraphiQL\s+(\S+)/, 'http://127.0.0.1:4321/graphiql'],
  [/Sandbox\s+(http:\/\/127\.0\.0\.1:\d+)\s.*AKOOL_API_KEY/, 'http://127.0.0.1:4001'],
  [/(Ctrl-C stops it\.)/, 'Ctrl-C stops it.'],
];

test.each([
  ['text', greetingOf(DEVELOPMENT)],
  [
    'event',
    `${JSON.stringify({ level: 30, time: 1, pid: 1, hostname: 'h', ...startEventOf(DEVELOPMENT) })}\n`,
  ],
])('as %s it gives programs the addresses that they look for', (_form, printed) => {
  expect(FOUND_BY.map(([pattern]) => pattern.exec(printed)?.[1])).toEqual(FOUND_BY.map(([, found]) => found));
});

test('as event it has each fact as a field, and the example on one line', () => {
  expect(startEventOf(DEVELOPMENT)).toMatchObject({
    url: 'http://127.0.0.1:4321',
    graphql: 'http://127.0.0.1:4321/graphql',
    studio: 'http://127.0.0.1:4321/studio',
    graphiql: 'http://127.0.0.1:4321/graphiql',
    publicUrl: 'http://127.0.0.1:4321',
    sandbox: 'http://127.0.0.1:4001',
    example: expect.stringMatching(/^mutation \{ submitFaceSwap\(.*source-face\.png.*\}$/),
  });
});

test.each([
  ['GraphiQL', /graphiql/i, { graphiql: false }],
  ['the studio', /studio/i, { studio: false }],
  ['the sandbox, nor its pictures', /sandbox|mutation|4001/i, { sandbox: null }],
  ['an example, where only trusted documents run', /mutation|paste|run/i, { takesAnyDocument: false }],
  ['a public URL', /publicUrl|swap\.example/i, { publicUrl: null }],
])('it does not name %s if there is none', (_what, name, off) => {
  const on = { ...DEVELOPMENT, publicUrl: 'https://swap.example.com' };
  for (const say of [greetingOf, (given: Started) => JSON.stringify(startEventOf(given))]) {
    expect(say({ ...on, ...off })).not.toMatch(name);
  }
  expect(JSON.stringify(startEventOf(on))).toMatch(name);
});

test('the hosts of proxies in use are named, and none where there are none', () => {
  const behindProxy = { ...DEVELOPMENT, proxies: { https: 'proxy.example.com:3128' } };
  expect(greetingOf(behindProxy)).toMatch(/ {2}Proxy +proxy\.example\.com:3128 +\(for https\)/);
  expect(startEventOf(behindProxy)).toMatchObject({ proxies: { https: 'proxy.example.com:3128' } });
  expect(startEventOf(DEVELOPMENT)).not.toHaveProperty('proxies');
});

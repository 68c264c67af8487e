import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/config/config.js';
import { unknownSettings } from '../../src/config/unknown-settings.js';

const KEY = { AKOOL_API_KEY: 'a-key' };
const proxiesOf = (environment: Record<string, string>) =>
  readConfig({ ...KEY, ...environment }).secrets.proxies;

test.each<[Record<string, string>, object]>([
  [{}, { http: null, https: null, exceptions: '' }],
  [{ HTTPS_PROXY: 'http://proxy.example:3128' }, { http: null, https: 'http://proxy.example:3128/' }],
  [{ HTTP_PROXY: 'https://proxy.example' }, { http: 'https://proxy.example/', https: null }],
  [{ https_proxy: 'proxy.example:3128' }, { https: 'http://proxy.example:3128/' }],
  [{ http_proxy: 'me:secret@proxy.example:3128' }, { http: 'http://me:secret@proxy.example:3128/' }],
  [{ HTTPS_PROXY: 'http://[::1]:3128/' }, { https: 'http://[::1]:3128/' }],
  [{ https_proxy: 'http://lower:1', HTTPS_PROXY: 'http://upper:1' }, { https: 'http://lower:1/' }],
  [{ https_proxy: ' ', HTTPS_PROXY: 'http://upper:1' }, { https: 'http://upper:1/' }],
  [{ no_proxy: 'a.example, .b.example', NO_PROXY: 'c' }, { exceptions: 'a.example, .b.example' }],
])('%o is understood', (environment, proxies) => {
  expect(proxiesOf(environment)).toMatchObject(proxies);
});

describe.each(['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'])('%s', (name) => {
  test.each([
    'proxy',
    'true',
    'socks5://me:secret@proxy.example:1080',
    'http://me:secret@',
    'http://me:secret@proxy.example:99999',
    'http://me:secret@proxy.example:3128/path',
    'http://me:secret@proxy.example:3128/?a=b',
    'http://me:se%cret@proxy.example:3128',
    'http://secret@proxy.example:3128',
  ])('=%s is refused in one line that does not repeat it', (value) => {
    let lines: readonly string[] = [];
    try {
      readConfig({ ...KEY, [name]: value });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      lines = error.lines;
    }
    expect(lines).toEqual([expect.stringMatching(`^${name} is not valid; it must be http://HOST:PORT`)]);
    expect(lines.join()).not.toMatch(/secret|se%cret/);
  });
});

const PROXY = 'http://proxy.example:3128';

test.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'])(
  '%s is meant for other programs if neither Akool nor keys for JWTs are fetched',
  (name) => {
    const none = { http: null, https: null, exceptions: '' };
    const value = 'socks5://proxy.example:1080';
    expect(readConfig({ [name]: value, NO_PROXY: 'x' }).secrets.proxies).toEqual(none);
    expect(readConfig({ [name]: value, AKOOL_API_KEY: ' ' }).secrets.proxies).toEqual(none);
    const keys = { AUTH_JWKS_URL: 'https://id.example.com/keys' };
    expect(Object.values(readConfig({ ...keys, [name]: PROXY }).secrets.proxies)).toContain(`${PROXY}/`);
  },
);

test('the names in lowercase, and proxies that only other programs read, are no unknown settings', () => {
  const names = ['https_proxy', 'http_proxy', 'no_proxy', 'ALL_PROXY', 'all_proxy', 'FTP_PROXY', 'WS_PROXY'];
  expect(unknownSettings(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
  expect(unknownSettings({ HTTP_PROXI: 'x' })).toEqual([{ name: 'HTTP_PROXI', nearest: 'HTTP_PROXY' }]);
});

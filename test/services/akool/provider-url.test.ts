import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isProviderResultUrl,
  providerUrlForLog,
  readProviderUrl,
} from '../../../src/services/akool/provider-url.js';

const BASE = 'https://openapi.akool.com';
const ajv = new Ajv();
(formats.default ?? formats)(ajv);
const isUri = ajv.compile({ type: 'string', format: 'uri' });

describe('an address that Akool gives', () => {
  it.each([
    ['as it is', 'https://cdn.example/a%20b.png?X=1%2F2#f', 'https://cdn.example/a%20b.png?X=1%2F2#f'],
    ['with a blank', 'https://cdn.example/my face.png?a=b c', 'https://cdn.example/my%20face.png?a=b%20c'],
    ['with blanks around it', ' \r\nhttps://cdn.example/a.png\t ', 'https://cdn.example/a.png'],
    ['outside ASCII', 'https://cdn.example/für 猫.png', 'https://cdn.example/f%C3%BCr%20%E7%8C%AB.png'],
    ['with a wide blank', 'https://cdn.example/a\u3000b.png', 'https://cdn.example/a%E3%80%80b.png'],
    [
      'with brackets',
      'https://cdn.example/a[1]<2>"{3}|.png',
      'https://cdn.example/a%5B1%5D%3C2%3E%22%7B3%7D%7C.png',
    ],
    ['with a backslash', 'https://cdn.example/a\\b.png', 'https://cdn.example/a%5Cb.png'],
    ['with a line break', 'https://cdn.example/a\nb\tc.png', 'https://cdn.example/a%0Ab%09c.png'],
    [
      'with what does not print',
      'https://cdn.example/\u202ea\u0000.png',
      'https://cdn.example/%E2%80%AEa%00.png',
    ],
    ['with a stray percent sign', 'https://cdn.example/100% b.png', 'https://cdn.example/100%25%20b.png'],
    ['on a host outside ASCII', 'https://bücher.example/a b.png', 'https://xn--bcher-kva.example/a%20b.png'],
    ['in capitals', 'HTTPS://CDN.example/a b.png', 'https://cdn.example/a%20b.png'],
    ['with one slash', 'https:/cdn.example/a.png', 'https://cdn.example/a.png'],
    ['without a scheme', '//cdn.example/a b.png', 'https://cdn.example/a%20b.png'],
    ['that begins with the host', 'cdn.example/a b.png?x=1', 'https://cdn.example/a%20b.png?x=1'],
    ['that begins with the host and a port', 'cdn.example:8443/a.png', 'https://cdn.example:8443/a.png'],
    ['that begins with a number', '10.0.0.1/a.png', 'https://10.0.0.1/a.png'],
    ['relative to the host', '/results/a b.png', 'https://openapi.akool.com/results/a%20b.png'],
    ['relative to the path', 'results/a.png?x=1', 'https://openapi.akool.com/results/a.png?x=1'],
    ['that is a file name', 'final 1.jpeg', 'https://openapi.akool.com/final%201.jpeg'],
    ['with dots', './../results/a', 'https://openapi.akool.com/results/a'],
    [
      'that is long',
      `https://cdn.example/${'ü'.repeat(500)}.png`,
      `https://cdn.example/${'%C3%BC'.repeat(500)}.png`,
    ],
  ])('%s is read', (_how, said, url) => {
    expect(readProviderUrl(said, BASE)).toBe(url);
  });

  it('is completed from the API, with its scheme, port and prefix', () => {
    const base = 'http://127.0.0.1:4001/proxy';
    expect(readProviderUrl('results/a.png', base)).toBe('http://127.0.0.1:4001/proxy/results/a.png');
    expect(readProviderUrl('/results/a.png', base)).toBe('http://127.0.0.1:4001/results/a.png');
    expect(readProviderUrl('127.0.0.1:4001/results/a.png', base)).toBe('http://127.0.0.1:4001/results/a.png');
    expect(readProviderUrl('localhost:4001/a.png', base)).toBe('http://localhost:4001/a.png');
  });

  it.each(
    [
      '',
      ' ',
      'none',
      'null',
      'N/A',
      '[object Object]',
      'https:',
      'https://',
      'https://exa mple.com/a.png',
      'https://cdn.example:99999/a.png',
      'https://[::1/a.png',
      'ftp://cdn.example/a.png',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'data:image/png;base64,AAAA',
      's3://bucket/a.png',
      'C:\\results\\a.png',
      'https://cdn.example/\ud800.png',
      `https://cdn.example/${'a'.repeat(10_000)}`,
      `https://cdn.example/${'ü'.repeat(3000)}`,
    ].map((said) => ({ said, start: said.slice(0, 60) })),
  )('can not be used when it is $start', ({ said }) => {
    expect(readProviderUrl(said, BASE)).toBeNull();
  });

  it('is, once read, in the characters of RFC 3986, and read again the same', () => {
    const said = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string({ unit: 'binary' }).map((name) => `https://cdn.example/${name}.png`),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(said, (text) => {
        const url = readProviderUrl(text, BASE);
        if (url === null) return;
        expect(url).toMatch(/^https?:\/\//i);
        expect(isUri(url)).toBe(true);
        expect(readProviderUrl(url, BASE)).toBe(url);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("an address of a result's kind", () => {
  const base = 'http://127.0.0.1:4001/prefix';
  it.each([
    'https://d2qf6ukcym4kn9.cloudfront.net/final.jpg?x=1',
    'http://127.0.0.1:9999/results/a.png',
    'https://127.0.0.1/results/a.png',
  ])('may be %s', (url) => expect(isProviderResultUrl(url, base)).toBe(true));

  it.each([
    'http://cdn.example.com/a.jpg',
    'http://127.0.0.2:4001/a.jpg',
    'https://10.0.0.1/a.jpg',
    'https://93.184.215.14/a.jpg',
    'https://167772161/a.jpg',
    'https://[::1]/a.jpg',
    'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/a.jpg',
    'http://127.0.0.1.example.com/a.jpg',
    'ftp://127.0.0.1/a.jpg',
    'file:///etc/passwd',
    'javascript:alert(1)',
    '/results/a.jpg',
    '//cdn.example.com/a.jpg',
    'https://user:pw@cdn.example.com/a.jpg',
    'https://cdn.example.com/a b.jpg',
    'https://cdn.example.com\\@evil.example/a.jpg',
    ' https://cdn.example.com/a.jpg',
    'https:cdn.example.com/a.jpg',
    'https:///cdn.example.com/a.jpg',
    'https:',
    '',
    `https://cdn.example.com/${'a'.repeat(5000)}`,
  ])('may not be %s', (url) => expect(isProviderResultUrl(url, base)).toBe(false));

  it.each(['https://cdn.example\\@10.0.0.1/a.png', 'https:10.0.0.1/a.png', '//user@10.0.0.1/a.png'])(
    'is judged by the host that it leads to once it was read: %s',
    (said) => {
      const url = readProviderUrl(said, BASE) ?? '';
      expect(isProviderResultUrl(url, BASE)).toBe(new URL(url).hostname === 'cdn.example');
    },
  );
});

describe('an address in the log', () => {
  it.each([
    ['https://cdn.example/a b.png?Signature=secret#part', 'https://cdn.example/a b.png'],
    ['ftp://user:pw@cdn.example/a.png', 'ftp://cdn.example/a.png'],
    ['//user:pw@cdn.example/a.png', '//cdn.example/a.png'],
    ['data:image/png;base64,iVBORw0KGgo', 'data:image/png'],
    ['data:,picture', 'data:'],
    ['none', 'none'],
    ['x'.repeat(5000), 'x'.repeat(500)],
  ])('holds no query, no user and no picture', (said, logged) => {
    expect(providerUrlForLog(said)).toBe(logged);
  });
});

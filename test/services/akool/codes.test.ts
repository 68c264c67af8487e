import { describe, expect, it } from 'vitest';
import {
  AKOOL_CODES,
  jobErrorFor,
  jobErrorForFailedResult,
  jobErrorForStatus,
} from '../../../src/services/akool/codes.js';
import { secretsOfAddress } from '../../../src/services/akool/provider-text.js';
import type { JobErrorCode } from '../../../src/services/jobs/job-error.js';

/** Akool's documented refusals, and the job error for each. */
const DOCUMENTED: readonly (readonly [JobErrorCode, readonly number[]])[] = [
  ['INVALID_PARAMETERS', [1003]],
  ['ACCOUNT_PROBLEM', [1004, 1213, 1221, 1103, 1109, 1200]],
  ['RATE_LIMITED', [1005]],
  ['INSUFFICIENT_CREDIT', [1006, 1104]],
  ['TOO_MANY_FACES', [1007]],
  ['CONTENT_NOT_FOUND', [1008, 1014]],
  ['NOT_ALLOWED', [1009, 1010, 1011]],
  ['GENERATION_FAILED', [1015, 1016, 1108]],
  ['PROVIDER_AUTHENTICATION', [1101, 1102]],
  ['MEDIA_UNSUPPORTED', [1204, 1207, 1208, 1209, 1210]],
];

describe("the table of Akool's codes", () => {
  it('holds exactly the codes that Akool documents', () => {
    const documented = DOCUMENTED.flatMap(([, codes]) => codes);
    expect([...AKOOL_CODES.keys()].sort()).toEqual(documented.sort());
  });

  it.each(DOCUMENTED.flatMap(([code, numbers]) => numbers.map((number) => ({ number, code }))))(
    'turns $number into $code with a sentence of advice',
    ({ number, code }) => {
      const error = jobErrorFor(number, null);
      expect(error).toMatchObject({ code, providerCode: number, retryable: number === 1005 });
      expect(error.message).toMatch(/^[A-Z].{20,}\.$/);
    },
  );

  it('turns any other code into PROVIDER_ERROR and keeps the number', () => {
    expect(jobErrorFor(9999, 'odd')).toMatchObject({
      code: 'PROVIDER_ERROR',
      providerCode: 9999,
      retryable: false,
    });
  });

  it.each([
    [401, 'PROVIDER_AUTHENTICATION'],
    [403, 'PROVIDER_AUTHENTICATION'],
    [404, 'PROVIDER_ERROR'],
    [413, 'PROVIDER_ERROR'],
  ])('turns a bare HTTP %d into %s', (status, code) => {
    expect(jobErrorForStatus(status, null, null)).toMatchObject({
      code,
      providerCode: null,
      retryable: false,
    });
  });

  it('calls a job that Akool ended with status 4 GENERATION_FAILED', () => {
    expect(jobErrorForFailedResult('no face')).toMatchObject({
      code: 'GENERATION_FAILED',
      providerCode: null,
    });
  });
});

describe("Akool's own words in a message", () => {
  const quoted = (msg: string, secrets: string[] = []): string => jobErrorFor(1003, msg, secrets).message;

  it('are quoted after our own', () => {
    expect(quoted('path is empty')).toMatch(/^Akool found .* Akool said: “path is empty”$/);
  });

  it('are cut to 200 characters', () => {
    const said = quoted('字😀'.repeat(500)).split('“')[1] ?? '';
    expect([...said]).toHaveLength(201);
    expect(said).toMatch(/…”$/);
  });

  it('lose what does not print, and line breaks', () => {
    expect(quoted('a\u0000b\r\nc\u001b[31m\u202ed')).toContain('“ab c[31md”');
  });

  it.each([
    ['the key', 'bad key KEY-1234-secret', ['KEY-1234-secret']],
    ['the key with an invisible character in it', 'bad key KEY-12\u000034-secret', ['KEY-1234-secret']],
    ['the key percent-encoded', 'bad KEY%2F1234%3Dsecret', ['KEY/1234=secret']],
  ])('never repeat %s', (_what, msg, secrets) => {
    expect(quoted(msg, secrets)).toContain('[hidden]');
    expect(quoted(msg, secrets)).not.toMatch(/secret/);
  });

  it('never repeat the webhook address, whole or in part', () => {
    const address = 'https://gw.example.com/webhooks/akool/abcdefghijklmnopqrstuvwx';
    const said = quoted(
      `cannot reach ${address} nor token abcdefghijklmnopqrstuvwx`,
      secretsOfAddress(address),
    );
    expect(said).not.toMatch(/abcdefgh|gw\.example/);
  });

  it.each<[string, (token: string) => string]>([
    ['cut short', (token) => `${token.slice(0, -2)} is away`],
    ['in capitals', (token) => token.toUpperCase()],
    ['broken in two', (token) => `${token.slice(0, 14)}\n${token.slice(14)}`],
    ['between letters', (token) => `x${token}x`],
  ])("never repeat a webhook's token %s, and keep what stands beside it", (_what, change) => {
    const token = 'aB3dEfGhIjKlMnOpQrStUvWxYz-_0123';
    const said = quoted(
      `before ${change(token)} after`,
      secretsOfAddress(`https://gw.example.com/webhooks/akool/${token}`),
    );
    expect(said).toMatch(/before .*\[hidden\].* after”$/);
    expect(said).not.toMatch(/dEfGhI|pQrStU/i);
  });

  it("lose the addresses' user names and query strings", () => {
    const said = quoted('get https://u:pw@x.example/a.jpg?X-Signature=abc#f failed');
    expect(said).toContain('get https://x.example/a.jpg failed');
    expect(said).not.toMatch(/abc|pw/);
  });
});

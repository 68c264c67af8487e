/** Checks the fake S3's own verification of signatures against the examples published by Amazon. */
import { describe, expect, it } from 'vitest';
import { faultOf, type SignedRequest } from '../../support/s3-signature.js';

const KEY = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
};
const THEN = Date.UTC(2013, 4, 24);
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function example(
  signedHeaders: string,
  signature: string,
  more: { readonly url: string; readonly headers?: Record<string, string> },
): SignedRequest {
  return {
    method: 'GET',
    url: more.url,
    body: Buffer.alloc(0),
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': '20130524T000000Z',
      authorization: `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`,
      ...more.headers,
    },
  };
}

const GET = example(
  'host;range;x-amz-content-sha256;x-amz-date',
  'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  { url: '/test.txt', headers: { range: 'bytes=0-9' } },
);
const LIST = example(
  'host;x-amz-content-sha256;x-amz-date',
  '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  { url: '/?max-keys=2&prefix=J' },
);

describe("the twin's check of signatures", () => {
  it("takes the requests of Amazon's documentation", () => {
    expect(faultOf(GET, KEY, THEN)).toBeNull();
    expect(faultOf(LIST, KEY, THEN)).toBeNull();
  });

  it.each<[string, string, Partial<SignedRequest>]>([
    ['another path', 'SignatureDoesNotMatch', { url: '/test.tx' }],
    ['another method', 'SignatureDoesNotMatch', { method: 'PUT' }],
    ['a changed header', 'SignatureDoesNotMatch', { headers: { ...GET.headers, range: 'bytes=0-99' } }],
    ['another body', 'XAmzContentSHA256Mismatch', { body: Buffer.from('x') }],
    [
      'a header that nobody signed',
      'AccessDenied',
      { headers: { ...GET.headers, 'x-amz-acl': 'public-read' } },
    ],
    ['no signature', 'AccessDenied', { headers: {} }],
    [
      'a token that is not ours',
      'InvalidToken',
      { headers: { ...GET.headers, 'x-amz-security-token': 't' } },
    ],
  ])('refuses %s', (_what, code, change) => {
    expect(faultOf({ ...GET, ...change }, KEY, THEN)?.[0]).toBe(code);
  });

  it('refuses another key, another secret, another region and another time', () => {
    expect(faultOf(GET, { ...KEY, accessKeyId: 'A' }, THEN)?.[0]).toBe('InvalidAccessKeyId');
    expect(faultOf(GET, { ...KEY, secretAccessKey: 'a' }, THEN)?.[0]).toBe('SignatureDoesNotMatch');
    expect(faultOf(GET, { ...KEY, region: 'eu-central-1' }, THEN)?.[0]).toBe('AuthorizationHeaderMalformed');
    expect(faultOf(GET, KEY, THEN + 16 * 60 * 1000)?.[0]).toBe('RequestTimeTooSkewed');
  });
});

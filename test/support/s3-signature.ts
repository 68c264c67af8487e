/**
 * AWS Signature Version 4 as a server verifies it, written from Amazon's description and sharing no code with
 * the client: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An S3 error code and its status. */
export type Fault = readonly [code: string, status: number];

const MAX_SKEW_MS = 15 * 60 * 1000;
const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** What is wrong with the signature, or null. */
export function faultOf(request: SignedRequest, key: SigningKey, now = Date.now()): Fault | null {
  const { headers } = request;
  const [, id, day = '', region, names = '', signature] = CREDENTIAL.exec(headers.authorization ?? '') ?? [];
  if (signature === undefined) return ['AccessDenied', 403];
  if (id !== key.accessKeyId) return ['InvalidAccessKeyId', 403];
  if (region !== key.region) return ['AuthorizationHeaderMalformed', 400];
  const at = text(headers['x-amz-date']);
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(at) ?? [];
  const skew = Math.abs(now - Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`));
  if (!(skew <= MAX_SKEW_MS) || !at.startsWith(day)) return ['RequestTimeTooSkewed', 403];
  if (headers['x-amz-security-token'] !== key.sessionToken) return ['InvalidToken', 400];

  const signed = names.split(';');
  const mustBeSigned = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  if (!mustBeSigned.every((name) => signed.includes(name))) return ['AccessDenied', 403];
  if (signature !== signatureOf(request, signed, { at, day, region, secret: key.secretAccessKey })) {
    return ['SignatureDoesNotMatch', 403];
  }
  // Only now is it certain that the client has signed the hash.
  const payload = text(headers['x-amz-content-sha256']);
  if (!/^[0-9a-f]{64}$/.test(payload)) return ['NotImplemented', 501];
  return payload === sha256(request.body) ? null : ['XAmzContentSHA256Mismatch', 400];
}

function signatureOf(
  { method, url, headers }: SignedRequest,
  signed: readonly string[],
  scope: { readonly at: string; readonly day: string; readonly region: string; readonly secret: string },
): string {
  const [path = '', query = ''] = url.split('?');
  const canonicalRequest = [
    method,
    path
      .split('/')
      .map((segment) => encode(decodeURIComponent(segment)))
      .join('/'),
    [...new URLSearchParams(query)]
      .map(([name, value]) => [encode(name), encode(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`)
      .join('&'),
    ...signed.map((name) => `${name}:${text(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signed.join(';'),
    text(headers['x-amz-content-sha256']),
  ].join('\n');
  const { at, day, region, secret } = scope;
  const toSign = ['AWS4-HMAC-SHA256', at, `${day}/${region}/s3/aws4_request`, sha256(canonicalRequest)];
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`));
  return hmac(key, toSign.join('\n')).toString('hex');
}

/** Percent-encodes all but RFC 3986's unreserved characters. */
function encode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: Buffer, value: string): Buffer {
  return createHmac('sha256', key).update(value).digest();
}

function sha256(value: string | Buffer): string {
  return createHash('sha256').update(value).digest('hex');
}

function text(header: string | readonly string[] | undefined): string {
  return String(header ?? '');
}

/**
 * A fake S3 for tests: a real HTTP server that keeps objects in memory, verifies every signature, and fails
 * as a test requires. It has one bucket, named in the path, and supports the calls that an archive makes.
 */
import { createHash, randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { faultOf, type SigningKey } from './s3-signature.js';

export interface StoredObject {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly etag: string;
  readonly modifiedAt: Date;
}

export interface StoredUpload {
  readonly key: string;
  readonly contentType: string;
  /** Tests may set it back. */
  initiatedAt: Date;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}

export type Operation =
  | 'HeadBucket'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject'
  | 'ListObjectsV2'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListMultipartUploads';

/**
 * - error: 500; denied: 403 with a text that repeats secrets; unknown: 501
 * - reset: the connection is cut before anything is done; lost: afterwards, but before the response
 * - hang: no response at all
 * - cut, stall: half of an object, and then the end of the connection, or nothing
 */
export type Trouble = 'error' | 'denied' | 'unknown' | 'reset' | 'lost' | 'hang' | 'cut' | 'stall';

export interface S3Twin {
  readonly url: string;
  readonly bucket: string;
  readonly key: SigningKey;
  readonly objects: Map<string, StoredObject>;
  readonly uploads: Map<string, StoredUpload>;
  /** All calls, in order. */
  readonly calls: Operation[];
  /** Number of requests that are not completely answered. */
  readonly underWay: number;
  /** Used up in the given order; the rest is kept for later. With `times` Infinity, until `heal`. */
  trouble(operation: Operation, trouble: Trouble, times?: number): void;
  heal(): void;
  /** Stops listening, as if the service were gone. */
  stop(): Promise<void>;
}

/** The settings of a gateway that keeps its files there. */
export function bucketSettings(twin: S3Twin): Record<string, string> {
  return {
    ARCHIVE_S3_BUCKET: twin.bucket,
    AWS_ENDPOINT_URL_S3: twin.url,
    AWS_ACCESS_KEY_ID: twin.key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: twin.key.secretAccessKey,
  };
}

const MIB = 1024 * 1024;
/** For all parts but the last. */
const LEAST_PART_BYTES = 5 * MIB;
/** Small, so that even short lists have several pages. */
const PAGE = 2;

export async function startS3Twin(more: Partial<SigningKey> = {}): Promise<S3Twin> {
  const bucket = 'results';
  const key: SigningKey = {
    accessKeyId: 'TWINKEYID',
    secretAccessKey: 'twin/Secret+Key',
    region: 'us-east-1',
    ...more,
  };
  const objects = new Map<string, StoredObject>();
  const uploads = new Map<string, StoredUpload>();
  const calls: Operation[] = [];
  const troubles = new Map<Operation, { trouble: Trouble; times: number }>();
  let underWay = 0;

  const server = http.createServer(async (request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
    });
    const body: Buffer[] = [];
    try {
      for await (const chunk of request) body.push(chunk);
    } catch {
      return; // the client left
    }
    answer(request, response, Buffer.concat(body));
  });

  function answer(request: http.IncomingMessage, response: http.ServerResponse, body: Buffer): unknown {
    const { method = '', url = '', headers } = request;
    const refuse = (code: string, status: number, message = ''): unknown => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      return response.end(
        method === 'HEAD'
          ? ''
          : `${XML}<Error>${tag('Code', code)}${tag('Message', message)}${tag('Region', key.region)}</Error>`,
      );
    };
    const fault = faultOf({ method, url, headers, body }, key);
    if (fault !== null) return refuse(...fault, `${key.accessKeyId} signed ${url}`);
    const { pathname, searchParams } = new URL(url, 'http://twin');
    const [name = '', ...rest] = pathname.slice(1).split('/').map(decodeURIComponent);
    if (name !== bucket) return refuse('NoSuchBucket', 404);
    const object = rest.join('/');
    const operation = operationOf(method, object, searchParams);
    if (operation === null) return refuse('NotImplemented', 501);
    calls.push(operation);
    const trouble = troubleWith(operation);
    switch (trouble) {
      case 'error':
        return refuse('InternalError', 500);
      case 'denied':
        return refuse('AccessDenied', 403, `${key.accessKeyId} must not ${url}`);
      case 'unknown':
        return refuse('NotImplemented', 501);
      case 'reset':
        return response.destroy();
      case 'hang':
        return undefined;
      case 'lost':
        response.end = () => response.destroy();
    }
    const reply = (content: string): unknown => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      return response.end(`${XML}${content}`);
    };
    const uploadId = searchParams.get('uploadId') ?? '';
    const upload = uploads.get(uploadId);
    switch (operation) {
      case 'HeadBucket':
        return response.end();
      case 'PutObject': {
        const stored = newObject(body, headers['content-type']);
        objects.set(object, stored);
        return response.writeHead(200, { etag: stored.etag }).end();
      }
      case 'DeleteObject':
        objects.delete(object);
        return response.writeHead(204).end();
      case 'HeadObject':
      case 'GetObject': {
        const stored = objects.get(object);
        if (stored === undefined) return refuse('NoSuchKey', 404);
        return give(stored);
      }
      case 'ListObjectsV2': {
        const prefix = searchParams.get('prefix') ?? '';
        const delimiter = searchParams.get('delimiter');
        const isDeeper = (one: string): boolean =>
          delimiter !== null && one.slice(prefix.length).includes(delimiter);
        // Instead of deeper ones, S3 lists their common prefixes, which no archive reads.
        const found = [...objects.keys()].filter((one) => one.startsWith(prefix) && !isDeeper(one)).sort();
        const after = searchParams.get('continuation-token') ?? '';
        const page = found.filter((one) => one > after).slice(0, PAGE);
        const isTruncated = page.length > 0 && page.at(-1) !== found.at(-1);
        return reply(
          `<ListBucketResult>${tag('IsTruncated', isTruncated)}${
            isTruncated ? tag('NextContinuationToken', page.at(-1)) : ''
          }${page.map((one) => `<Contents>${tag('Key', one)}</Contents>`).join('')}</ListBucketResult>`,
        );
      }
      case 'ListMultipartUploads': {
        const found = [...uploads].filter(([, { key: one }]) =>
          one.startsWith(searchParams.get('prefix') ?? ''),
        );
        const marker = searchParams.get('upload-id-marker');
        const begin = found.findIndex(([id]) => id === marker) + 1;
        const page = found.slice(begin, begin + PAGE);
        const isTruncated = begin + PAGE < found.length;
        const [lastId, last] = page.at(-1) ?? [];
        return reply(
          `<ListMultipartUploadsResult>${tag('IsTruncated', isTruncated)}${
            isTruncated ? tag('NextKeyMarker', last?.key) + tag('NextUploadIdMarker', lastId) : ''
          }${page
            .map(
              ([id, one]) =>
                `<Upload>${tag('Key', one.key)}${tag('UploadId', id)}${tag('Initiated', one.initiatedAt.toISOString())}</Upload>`,
            )
            .join('')}</ListMultipartUploadsResult>`,
        );
      }
      case 'CreateMultipartUpload': {
        const id = randomUUID();
        uploads.set(id, {
          key: object,
          contentType: headers['content-type'] ?? '',
          initiatedAt: new Date(),
          parts: new Map(),
        });
        return reply(`<InitiateMultipartUploadResult>${tag('UploadId', id)}</InitiateMultipartUploadResult>`);
      }
      case 'UploadPart': {
        if (upload?.key !== object) return refuse('NoSuchUpload', 404);
        const part = { bytes: body, etag: md5(body) };
        upload.parts.set(Number(searchParams.get('partNumber')), part);
        return response.writeHead(200, { etag: part.etag }).end();
      }
      case 'CompleteMultipartUpload': {
        if (upload?.key !== object) return refuse('NoSuchUpload', 404);
        const wanted = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, xml = '']) => ({
          number: Number(/<PartNumber>(\d+)</.exec(xml)?.[1]),
          etag: /<ETag>(.*?)</.exec(xml)?.[1]?.replaceAll('&quot;', '"'),
        }));
        const parts = wanted.map(({ number, etag }, i) => {
          const part = upload.parts.get(number);
          return part?.etag === etag && number > (wanted[i - 1]?.number ?? 0) ? part : undefined;
        });
        const bytes = parts.flatMap((part) => part?.bytes ?? []);
        if (parts.length === 0 || bytes.length < parts.length) return refuse('InvalidPart', 400);
        if (bytes.slice(0, -1).some(({ length }) => length < LEAST_PART_BYTES))
          return refuse('EntityTooSmall', 400);
        uploads.delete(uploadId);
        const stored = newObject(Buffer.concat(bytes), upload.contentType, parts.length);
        objects.set(object, stored);
        return reply(
          `<CompleteMultipartUploadResult>${tag('ETag', stored.etag)}</CompleteMultipartUploadResult>`,
        );
      }
      case 'AbortMultipartUpload':
        if (upload?.key !== object) return refuse('NoSuchUpload', 404);
        uploads.delete(uploadId);
        return response.writeHead(204).end();
    }

    function give({ bytes, contentType, etag, modifiedAt }: StoredObject): unknown {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
      const isPart = first !== undefined && last !== undefined;
      if (isPart && Number(first) >= bytes.length) return refuse('InvalidRange', 416);
      const part = isPart ? bytes.subarray(Number(first), Number(last) + 1) : bytes;
      response.writeHead(isPart ? 206 : 200, {
        'content-type': contentType,
        'content-length': part.length,
        etag,
        'last-modified': modifiedAt.toUTCString(),
        'accept-ranges': 'bytes',
        ...(isPart && {
          'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`,
        }),
      });
      if (method === 'HEAD') return response.end();
      if (trouble !== 'cut' && trouble !== 'stall') return response.end(part);
      return response.write(part.subarray(0, part.length / 2), () => {
        if (trouble === 'cut') response.destroy();
      });
    }
  }

  function troubleWith(operation: Operation): Trouble | null {
    const next = troubles.get(operation);
    if (next === undefined || next.times === 0) return null;
    next.times -= 1;
    return next.trouble;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bucket,
    key,
    objects,
    uploads,
    calls,
    get underWay() {
      return underWay;
    },
    trouble: (operation, trouble, times = Number.POSITIVE_INFINITY) =>
      void troubles.set(operation, { trouble, times }),
    heal: () => troubles.clear(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function operationOf(method: string, object: string, query: URLSearchParams): Operation | null {
  const isOfUpload = query.has('uploadId');
  if (object === '') {
    if (method === 'HEAD') return 'HeadBucket';
    if (method !== 'GET') return null;
    return query.has('uploads')
      ? 'ListMultipartUploads'
      : query.get('list-type') === '2'
        ? 'ListObjectsV2'
        : null;
  }
  switch (method) {
    case 'PUT':
      return isOfUpload ? 'UploadPart' : 'PutObject';
    case 'GET':
      return 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'DELETE':
      return isOfUpload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST':
      return isOfUpload ? 'CompleteMultipartUpload' : query.has('uploads') ? 'CreateMultipartUpload' : null;
    default:
      return null;
  }
}

/** ETags as Amazon creates them: those of multipart objects are not an MD5. */
function newObject(bytes: Buffer, contentType = 'binary/octet-stream', parts = 0): StoredObject {
  const etag = parts === 0 ? md5(bytes) : md5(bytes).replace(/"$/, `-${parts}"`);
  return { bytes, contentType, etag, modifiedAt: new Date() };
}

function md5(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';

function tag(name: string, value: unknown): string {
  const escaped = String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return `<${name}>${escaped}</${name}>`;
}

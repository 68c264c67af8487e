/** Sends files to the gateway as browsers and back ends do, and as they should not. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import type { Overrides } from '../../src/app.js';
import { encodePng } from '../../src/sandbox/png.js';
import type { UploadStore } from '../../src/services/uploads/upload-store.js';
import { recordedLog, startGateway, type TestGateway } from './harness.js';
import { bucketSettings, type S3Twin, startS3Twin } from './s3-twin.js';

export interface UploadStage {
  readonly gateway: TestGateway;
  readonly lines: readonly Record<string, unknown>[];
  readonly records: UploadStore;
  announce(announced?: Announcement, apiKey?: string): Promise<Announced>;
  /** Names of the stored files. */
  stored(): readonly string[];
  /** Files in the spool, and writes to the store that have not ended. */
  unfinished(): readonly string[];
  stop(): Promise<void>;
}

/** What a caller says of the bytes to come. */
type Announcement = Partial<{
  readonly contentType: string;
  readonly byteSize: number;
  readonly sha256: string | null;
}>;

/** An upload whose bytes may be sent. */
export interface Announced {
  readonly id: string;
  /** The last part of its address, without the extension. */
  readonly name: string;
  readonly putToken: string;
  /** Both at the gateway itself, even if its PUBLIC_URL is elsewhere. */
  readonly putUrl: string;
  readonly url: string;
}

/** Announces a picture with the bytes of `PNG`, or what is given instead. */
export async function announce(
  gatewayUrl: string,
  announced: Announcement = {},
  apiKey?: string,
): Promise<Announced> {
  const input = { contentType: 'image/png', byteSize: PNG.length, sha256: null, ...announced };
  const response = await fetch(`${gatewayUrl}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ query: CREATE_UPLOAD, variables: { input } }),
  });
  const { data, errors } = (await response.json()) as CreateUploadAnswer;
  if (data == null) throw new Error(JSON.stringify(errors));
  const { id, url, putUrl } = data.createUpload.upload;
  const [last = '', putToken = ''] = [url, putUrl].map((address) => address.split('/').at(-1) ?? '');
  const at = (secret: string): string => `${gatewayUrl}/uploads/${secret}`;
  return { id, name: last.split('.')[0] ?? '', putToken, putUrl: at(putToken), url: at(last) };
}

const CREATE_UPLOAD =
  'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { id url putUrl } } }';

interface CreateUploadAnswer {
  readonly data?: {
    readonly createUpload: {
      readonly upload: { readonly id: string; readonly url: string; readonly putUrl: string };
    };
  } | null;
  readonly errors?: unknown;
}

interface StageOptions {
  readonly env?: Record<string, string>;
  readonly overrides?: Overrides;
}

async function stageOn(
  { env = {}, overrides = {} }: StageOptions,
  places: (dir: string) => Pick<UploadStage, 'stored' | 'unfinished'>,
  end = async (): Promise<void> => {},
): Promise<UploadStage> {
  const { log, lines } = recordedLog();
  let records: UploadStore | undefined;
  const wrapUploadStore = (store: UploadStore): UploadStore => {
    records = store;
    return overrides.wrapUploadStore?.(store) ?? store;
  };
  const gateway = await startGateway({
    env,
    overrides: { log, ...overrides, wrapUploadStore },
  });
  if (records === undefined) throw new Error('The gateway has no uploads');
  return {
    gateway,
    lines,
    records,
    ...places(gateway.dir),
    announce: (announced, apiKey) => announce(gateway.url, announced, apiKey),
    stop: async () => {
      await gateway.stop();
      await end();
    },
  };
}

/** Files below a folder, as paths from there. */
export function filesIn(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

export function uploadsOnFiles(options: StageOptions = {}): Promise<UploadStage> {
  return stageOn(options, (dir) => {
    const uploads = options.env?.['ARCHIVE_DIR'] ?? join(dir, 'archive');
    const all = (): readonly string[] => filesIn(join(uploads, 'uploads'));
    return {
      stored: () => all().filter((name) => !name.includes('/')),
      unfinished: () => all().filter((name) => name.includes('/')),
    };
  });
}

export async function uploadsInBucket(
  options: StageOptions = {},
): Promise<UploadStage & { readonly twin: S3Twin }> {
  const twin = await startS3Twin();
  const env = {
    ...bucketSettings(twin),
    ARCHIVE_S3_PREFIX: 'swaps',
    ...options.env,
  };
  const spool = process.env['TMPDIR'] ?? '/tmp';
  const stage = await stageOn(
    { ...options, env },
    () => ({
      stored: () => [...twin.objects.keys()].map((key) => key.replace('swaps/uploads/', '')),
      unfinished: () => [
        ...[...twin.uploads.values()].map(({ key }) => key),
        ...readdirSync(spool)
          .filter((name) => name.startsWith('face-swap-gateway~') && name.includes(`~${process.pid}~`))
          .flatMap((name) => filesIn(join(spool, name))),
      ],
    }),
    () => twin.stop(),
  );
  return { ...stage, twin };
}

export interface PutAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly json: Record<string, unknown>;
  /** Whether the gateway asked for the body, of a client that waits for that. */
  readonly wasContinued: boolean;
}

/** A PUT whose body is sent piece by piece. */
export interface RunningPut {
  readonly request: http.ClientRequest;
  readonly answer: Promise<PutAnswer>;
  /** Resolves when the piece is on its way. */
  send(bytes: Uint8Array): Promise<void>;
  end(): void;
}

/** @param headers without a `content-length` the body is sent in chunks */
export function beginPut(url: string, headers: http.OutgoingHttpHeaders = {}, method = 'PUT'): RunningPut {
  const request = http.request(url, { method, headers, agent: false });
  let wasContinued = false;
  request.once('continue', () => {
    wasContinued = true;
  });
  const answer = new Promise<PutAnswer>((resolve, reject) => {
    request.on('error', reject);
    request.once('response', async (response) => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      const { statusCode: status = 0, headers: received } = response;
      resolve({ status, headers: received, json: JSON.parse(text), wasContinued });
    });
  });
  // Whoever wants to know waits for it.
  answer.catch(() => {});
  request.flushHeaders();
  return {
    request,
    answer,
    send: (bytes) => new Promise((resolve) => request.write(bytes, () => resolve())),
    end: () => void request.end(),
  };
}

/** A PUT of a whole body. */
export function put(
  url: string,
  bytes: Uint8Array,
  headers: http.OutgoingHttpHeaders = {},
): Promise<PutAnswer> {
  const running = beginPut(url, { 'content-length': bytes.length, 'content-type': 'image/png', ...headers });
  running.request.end(bytes);
  return running.answer;
}

/** The same, in chunks, so that its length is not said. */
export function putInChunks(url: string, bytes: Uint8Array): Promise<PutAnswer> {
  const running = beginPut(url, { 'content-type': 'image/png' });
  running.request.end(bytes);
  return running.answer;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A picture of about this many bytes, which differs from all others. */
export function noise(size: number): Buffer {
  const width = Math.ceil(Math.sqrt(size));
  return encodePng(width, width, GREYS, randomBytes(width * width));
}

const GREYS = Array.from({ length: 256 }, (_, grey) => [grey, grey, grey] as const);

export const PNG = noise(1000);

/** A gateway with uploads, whose bytes are put where they belong without being sent. */
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blobNameOf, type KeptUpload } from '../../src/services/uploads/upload.js';
import type { UploadStore } from '../../src/services/uploads/upload-store.js';
import { knock, type Reply } from './doors.js';
import { clockAhead, type GatewayOptions, startGateway, type TestGateway } from './harness.js';

export interface SeenUpload {
  readonly id: string;
  readonly status: 'AWAITING' | 'READY';
  readonly url: string;
  readonly putUrl: string | null;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly contentType: string;
  readonly byteSize: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly durationSeconds: number | null;
  readonly sha256: string | null;
  readonly createdAt: string;
  readonly expiresAt: string;
}

export interface Announced {
  readonly contentType?: string;
  readonly byteSize?: number;
  readonly sha256?: string | null;
}

export interface UploadRecords {
  readonly gateway: TestGateway;
  readonly records: UploadStore;
  /** The names of the methods of `records` that the gateway has called since this was emptied. */
  readonly calls: string[];
  ask(query: string, variables?: Record<string, unknown>, tenant?: string): Promise<Reply>;
  /** The data of the only field of an operation that succeeds. */
  data<Data>(query: string, variables?: Record<string, unknown>, tenant?: string): Promise<Data>;
  create(input?: Announced, tenant?: string): Promise<SeenUpload>;
  /** Makes an announced upload READY. */
  receive(upload: SeenUpload, kept?: Partial<KeptUpload>, tenant?: string): Promise<SeenUpload>;
  ready(kept?: Partial<KeptUpload>, tenant?: string): Promise<SeenUpload>;
  find(id: string, tenant?: string): Promise<SeenUpload | null>;
  /** The names of the stored files. */
  blobs(): readonly string[];
  /** Sets the clock of the gateway forward. */
  later(ms: number): void;
  now(): number;
}

export const UPLOAD_FIELDS =
  'id status url putUrl headers { name value } contentType byteSize width height durationSeconds sha256 createdAt expiresAt';
export const CREATE_UPLOAD = `mutation ($input: CreateUploadInput!) { createUpload(input: $input) { deduplicated upload { ${UPLOAD_FIELDS} } } }`;
export const KEYS = { ann: 'ann-key-1f9c0d', bob: 'bob-key-77a0e4' };

export async function startWithUploads({
  env = {},
  overrides = {},
  ...options
}: GatewayOptions = {}): Promise<UploadRecords> {
  const opened: UploadStore[] = [];
  const calls: string[] = [];
  let ahead = 0;
  const clock = clockAhead(() => ahead);
  const gateway = await startGateway({
    ...options,
    env: { AUTH_API_KEYS: `ann:${KEYS.ann},bob:${KEYS.bob}`, KEEP_RESULTS: 'false', ...env },
    overrides: {
      clock,
      ...overrides,
      wrapUploadStore: (store) => {
        opened.push(store);
        return noting(overrides.wrapUploadStore?.(store) ?? store, calls);
      },
    },
  });
  const [records] = opened;
  if (records === undefined) throw new Error('There is no store');

  const folder = join(gateway.dir, 'archive', 'uploads');
  const ask: UploadRecords['ask'] = (query, variables = {}, tenant = 'ann') =>
    knock('http', gateway.url, { query, variables }, KEYS[tenant as keyof typeof KEYS]);
  const data = async <Data>(...asked: Parameters<UploadRecords['ask']>): Promise<Data> => {
    const reply = await ask(...asked);
    if (reply.data === null || reply.errors.length > 0) throw new Error(reply.text);
    return Object.values(reply.data)[0] as Data;
  };
  const find: UploadRecords['find'] = async (id, tenant) => {
    const query = `query ($id: ID!) { upload(id: $id) { ${UPLOAD_FIELDS} } }`;
    return data<SeenUpload | null>(query, { id }, tenant);
  };
  const create: UploadRecords['create'] = async (input = {}, tenant) => {
    const given = { contentType: 'image/png', byteSize: 1000, ...input };
    return (await data<{ readonly upload: SeenUpload }>(CREATE_UPLOAD, { input: given }, tenant)).upload;
  };
  const receive: UploadRecords['receive'] = async ({ id, putUrl }, more = {}, tenant = 'ann') => {
    const claim = { id: randomUUID(), now: clock.now(), until: clock.now() + 30_000 };
    const begun = await records.begin(putUrl?.split('/').at(-1) ?? '', claim);
    if (begun.outcome !== 'claimed') throw new Error(begun.outcome);
    const { upload } = begun;
    const bytes = randomUUID();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const kept = {
      contentType: upload.announced.contentType,
      byteSize: upload.announced.byteSize,
      width: 30,
      height: 20,
      durationSeconds: null,
      sha256,
      sentSha256: upload.announced.sha256 ?? sha256,
      ...more,
    };
    writeFileSync(join(folder, blobNameOf({ ...upload, kept })), bytes);
    await records.finish(upload.id, claim.id, kept, clock.now());
    const found = await find(id, tenant);
    if (found === null) throw new Error('It is gone');
    return found;
  };
  return {
    gateway,
    records,
    calls,
    ask,
    data,
    create,
    receive,
    find,
    ready: async (kept, tenant) => receive(await create({}, tenant), kept, tenant),
    blobs: () =>
      readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name),
    later: (ms) => {
      ahead += ms;
    },
    now: () => clock.now(),
  };
}

function noting(store: UploadStore, calls: string[]): UploadStore {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]) => {
        calls.push(String(name));
        return member.apply(target, args);
      };
    },
  });
}

/** Permissions: every operation of the schema with every kind of caller, over every protocol. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GraphQLSchema } from 'graphql';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema, RESOLVERS } from '../../src/resolvers/schema.js';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import type { Job } from '../../src/services/jobs/job.js';
import { DOORS, type Door, knock, outcomeOf, type Reply } from '../support/doors.js';
import { until } from '../support/gate.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';

const KEYS = { acme: 'acme-key-7f3a9c', globex: 'globex-key-51d0e2' };
const JWT_SECRET = 'a shared secret that is long enough, and then some';

let gateway: TestGateway;
let busy: string;
let idle: string;
/** The latest job of each tenant. */
const jobOf = new Map<string, Job>();
const NEWS_EVERY_MS = 10;

beforeAll(async () => {
  const inner = createInProcessJobBus();
  gateway = await startGateway({
    env: {
      AUTH_API_KEYS: `acme:${KEYS.acme},globex:${KEYS.globex}`,
      AUTH_JWT_SECRET: JWT_SECRET,
      AKOOL_MAX_CONCURRENCY: '1',
      SUBMIT_WAIT_MS: '0',
      KEEP_RESULTS: 'false',
    },
    // The only slot stays taken, so all other jobs wait.
    sandbox: { queueMs: 3_600_000, maxConcurrency: 1 },
    overrides: {
      bus: withMethods(inner, {
        publish: (job) => {
          if (job.eraseAt === null) jobOf.set(job.tenant, job);
          inner.publish(job);
        },
        // A tenant's followers get an event of one of its jobs soon.
        followTenant: async (tenant, listener) => {
          const leave = await inner.followTenant(tenant, listener);
          let version = 100;
          const news = setInterval(() => {
            const job = jobOf.get(tenant);
            if (job === undefined) return;
            version += 1;
            listener({ id: job.id, version, job: { ...job, version }, isReminder: false });
          }, NEWS_EVERY_MS);
          return () => {
            clearInterval(news);
            leave();
          };
        },
      }),
    },
  });
  busy = await submit('https://example.com/busy.jpg');
  idle = await submit();
  await submit('https://example.com/a.jpg', KEYS.globex);
});
afterAll(async () => {
  await gateway.stop();
});

const INPUT = (path: string) => `{ sourceImage: [{ path: "${path}" }], targetImage: [{ path: "${path}" }] }`;

async function submit(
  path = 'https://example.com/a.jpg',
  bearer = KEYS.acme,
  url = gateway.url,
): Promise<string> {
  const query = `mutation { submitFaceSwap(input: ${INPUT(path)}) { job { id } } }`;
  const { data, text } = await knock('http', url, { query }, bearer);
  const id = /"id":"([^"]+)"/.exec(text)?.[1];
  if (data === null || id === undefined) throw new Error(text);
  return id;
}

/** One shared job for operations that only read. */
async function some(): Promise<string> {
  return idle;
}
/** A new waiting job for operations that change it. */
async function waiting(): Promise<string> {
  return submit();
}
async function over(): Promise<string> {
  const id = await submit();
  await knock('http', gateway.url, { query: `mutation { cancelJob(id: "${id}") { id } }` }, KEYS.acme);
  return id;
}

/** An announced upload. */
async function upload(): Promise<string> {
  const input = '{ contentType: "image/png", byteSize: 1 }';
  const query = `mutation { createUpload(input: ${input}) { upload { id } } }`;
  const { text } = await knock('http', gateway.url, { query }, KEYS.acme);
  const id = /"id":"([^"]+)"/.exec(text)?.[1];
  if (id === undefined) throw new Error(text);
  return id;
}

async function jwt(tenant: string, expiresIn = 60): Promise<string> {
  return new SignJWT({ tenant })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
    .sign(new TextEncoder().encode(JWT_SECRET));
}

async function followToken(jobId: string, url = gateway.url): Promise<string> {
  const query = `mutation { createFollowToken(jobId: "${jobId}") { token } }`;
  const { text } = await knock('http', url, { query }, KEYS.acme);
  const token = /"token":"([^"]+)"/.exec(text)?.[1];
  if (token === undefined) throw new Error(text);
  return token;
}

/** Credentials of each kind of caller, for a job of acme's. */
const CALLERS = {
  none: async () => null,
  'wrong key': async () => 'acme-key-7f3a9d',
  'expired JWT': () => jwt('acme', -60),
  "other tenant's key": async () => KEYS.globex,
  "other tenant's JWT": () => jwt('globex'),
  'follow token for another job': () => followToken(busy),
  'follow token for this job': (jobId: string) => followToken(jobId),
  'right key': async () => KEYS.acme,
  'right JWT': () => jwt('acme'),
} satisfies Record<string, (jobId: string) => Promise<string | null>>;
type CallerKind = keyof typeof CALLERS;

/** The expected outcome for each kind of valid credentials. */
interface Row {
  /** The job that callers with a follow token may follow. */
  readonly job: () => Promise<string>;
  /** What is queried, if it is not that job. */
  readonly upload?: () => Promise<string>;
  readonly query: (id: string) => string;
  readonly other: string;
  readonly followOther: string;
  readonly followThis: string;
  readonly right: string;
  /** Responses to other tenants must not contain the job's id. */
  readonly hides?: true;
}

const NOT_FOR_FOLLOWERS = { followOther: 'FORBIDDEN', followThis: 'FORBIDDEN', right: 'ok' } as const;

const ROWS: Record<string, Row> = {
  'Query.job': {
    job: some,
    query: (id) => `{ job(id: "${id}") { id } }`,
    other: 'null',
    followOther: 'null',
    followThis: 'ok',
    right: 'ok',
  },
  'Query.jobs': {
    job: some,
    query: () => '{ jobs(first: 100) { edges { node { id } } } }',
    other: 'ok',
    hides: true,
    ...NOT_FOR_FOLLOWERS,
  },
  'Query.detectFaces': {
    job: some,
    query: () => '{ detectFaces(input: { url: "https://example.com/a.jpg" }) { frames { index } } }',
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
  'Query.account': {
    job: some,
    query: () => '{ account { credit } }',
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
  'Query.node': {
    job: some,
    query: (id) => `{ node(id: "${id}") { id } }`,
    other: 'null',
    followOther: 'null',
    followThis: 'ok',
    right: 'ok',
  },
  'Query.upload': {
    job: some,
    upload,
    query: (id) => `{ upload(id: "${id}") { id } }`,
    other: 'null',
    ...NOT_FOR_FOLLOWERS,
  },
  'Query.uploads': {
    job: some,
    upload,
    query: () => '{ uploads(first: 100) { edges { node { id } } } }',
    other: 'ok',
    hides: true,
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.createUpload': {
    job: some,
    query: () =>
      'mutation { createUpload(input: { contentType: "image/png", byteSize: 1 }) { deduplicated } }',
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.deleteUpload': {
    job: some,
    upload,
    query: (id) => `mutation { deleteUpload(id: "${id}") }`,
    other: 'NOT_FOUND',
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.submitFaceSwap': {
    job: some,
    query: () =>
      `mutation { submitFaceSwap(input: ${INPUT('https://example.com/a.jpg')}) { job { status } } }`,
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.submitFaceSwapPlus': {
    job: some,
    query: () =>
      'mutation { submitFaceSwapPlus(input: { sourceUrl: "https://example.com/a.jpg", targetUrl: "https://example.com/b.jpg", singleFaceMode: true }) { job { status } } }',
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.cancelJob': {
    job: waiting,
    query: (id) => `mutation { cancelJob(id: "${id}") { status } }`,
    other: 'NOT_FOUND',
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.deleteJob': {
    job: over,
    query: (id) => `mutation { deleteJob(id: "${id}") }`,
    other: 'NOT_FOUND',
    ...NOT_FOR_FOLLOWERS,
  },
  'Mutation.createFollowToken': {
    job: some,
    query: (id) => `mutation { createFollowToken(jobId: "${id}") { expiresAt } }`,
    other: 'NOT_FOUND',
    ...NOT_FOR_FOLLOWERS,
  },
  'Subscription.jobUpdated': {
    job: some,
    query: (id) => `subscription { jobUpdated(id: "${id}") { id } }`,
    other: 'NOT_FOUND',
    followOther: 'NOT_FOUND',
    followThis: 'ok',
    right: 'ok',
  },
  'Subscription.jobsUpdated': {
    job: some,
    query: () => 'subscription { jobsUpdated { id } }',
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
  'Subscription.jobsChanged': {
    job: some,
    query: () => 'subscription { jobsChanged { kind } }',
    other: 'ok',
    ...NOT_FOR_FOLLOWERS,
  },
};

function expected(row: Row, caller: CallerKind): string | { readonly closed: string } {
  switch (caller) {
    case 'none':
    case 'wrong key':
      return { closed: '4401' };
    case 'expired JWT':
      return { closed: '4403' };
    case "other tenant's key":
    case "other tenant's JWT":
      return row.other;
    case 'follow token for another job':
      return row.followOther;
    case 'follow token for this job':
      return row.followThis;
    case 'right key':
    case 'right JWT':
      return row.right;
  }
}

function doorsOf(operation: string): readonly Door[] {
  return operation.startsWith('Subscription.') ? ['socket', 'stream'] : DOORS;
}

function operationsOf(schema: GraphQLSchema): string[] {
  return [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
  );
}

it('has a row for every operation of the schema', async () => {
  expect(Object.keys(ROWS).sort()).toEqual(operationsOf(await createSchema(RESOLVERS)).sort());
});

describe.each(Object.keys(ROWS))('%s', (operation) => {
  it.each(Object.keys(CALLERS) as CallerKind[])('called with: %s', async (caller) => {
    const row = ROWS[operation];
    if (row === undefined) throw new Error(operation);
    for (const door of doorsOf(operation)) {
      const job = await row.job();
      const id = (await row.upload?.()) ?? job;
      const reply = await knock(door, gateway.url, { query: row.query(id) }, await CALLERS[caller](job));
      const outcome = expected(row, caller);
      if (typeof outcome === 'string') {
        expect([door, outcomeOf(reply)]).toEqual([door, outcome]);
        if (row.hides && row.other === outcome && caller.startsWith('other'))
          expect(reply.text).not.toContain(id);
      } else if (door === 'socket') {
        expect(outcomeOf(reply)).toBe(outcome.closed);
      } else {
        expect([door, reply.status, outcomeOf(reply)]).toEqual([door, 401, 'UNAUTHENTICATED']);
        expect(reply.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
  });
});

it('does not run a subscription over plain HTTP, whoever asks', async () => {
  const query = `subscription { jobUpdated(id: "${busy}") { id } }`;
  const reply = await knock('http', gateway.url, { query }, KEYS.acme);
  expect(reply.data).toBeNull();
  expect(reply.text).not.toContain(busy);
});

describe("Somebody else's job looks exactly like one that does not exist", () => {
  const byId = Object.entries(ROWS).filter(([, row]) => row.query('ID').includes('ID'));

  it.each(byId)('%s', async (operation, row) => {
    for (const door of doorsOf(operation)) {
      const id = await (row.upload ?? row.job)();
      const strangers: (readonly [string, string | null])[] = [
        ['tenant', KEYS.globex],
        ['follower', await followToken(busy)],
      ];
      for (const [who, bearer] of strangers) {
        const ask = async (of: string): Promise<Reply> =>
          knock(door, gateway.url, { query: row.query(of) }, bearer);
        const theirs = await ask(id);
        const nobodys = await ask(randomUUID());
        expect([who, theirs.text, theirs.status]).toEqual([who, nobodys.text, nobodys.status]);
      }
    }
  });
});

it('knows idempotency keys by tenant: the same key of two tenants is two jobs', async () => {
  const ask = (bearer: string, path: string) =>
    knock(
      'http',
      gateway.url,
      {
        query: `mutation { submitFaceSwap(input: { sourceImage: [{ path: "${path}" }], targetImage: [{ path: "${path}" }], idempotencyKey: "order-1" }) { deduplicated job { id } } }`,
      },
      bearer,
    );
  const ours = await ask(KEYS.acme, 'https://example.com/1.jpg');
  const theirs = await ask(KEYS.globex, 'https://example.com/2.jpg');
  expect(ours.data).toMatchObject({ submitFaceSwap: { deduplicated: false } });
  expect(theirs.data).toMatchObject({ submitFaceSwap: { deduplicated: false } });
  expect(ours.text).not.toEqual(theirs.text);
});

it('knows follow tokens after a restart, and not those of another gateway', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  const env = { AUTH_API_KEYS: `acme:${KEYS.acme}` };
  const before = await startGateway({ dir, env });
  const id = await submit('https://example.com/r.jpg', KEYS.acme, before.url);
  const token = await followToken(id, before.url);
  await before.stop();
  const after = await startGateway({ dir, env });
  try {
    const query = `{ job(id: "${id}") { id } }`;
    expect(outcomeOf(await knock('http', after.url, { query }, token))).toBe('ok');
    expect((await knock('http', after.url, { query }, await followToken(busy))).status).toBe(401);
  } finally {
    await after.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});

it('tells the address of a result to its tenant and its followers only, and nobody can work it out', async () => {
  const { url, stop } = await startGateway({
    env: { AUTH_API_KEYS: `acme:${KEYS.acme},globex:${KEYS.globex}` },
  });
  try {
    const id = await submit('https://example.com/m.jpg', KEYS.acme, url);
    const query = `{ job(id: "${id}") { status result { url archived } } }`;
    let mine = await knock('http', url, { query }, KEYS.acme);
    await until(async () => {
      mine = await knock('http', url, { query }, KEYS.acme);
      return mine.text.includes('"archived":true');
    });
    const address = /"url":"([^"]+)"/.exec(mine.text)?.[1] ?? '';
    expect(address).toMatch(/\/media\/[\w-]{43}\.png$/);
    expect((await fetch(address)).status).toBe(200);
    expect((await knock('http', url, { query }, await followToken(id, url))).text).toBe(mine.text);
    expect((await knock('http', url, { query }, KEYS.globex)).data).toEqual({ job: null });
    const digest = createHash('sha256').update(id).digest('base64url');
    for (const guess of [
      `${url}/media/${id}.png`,
      `${url}/media/${digest}.png`,
      `${url}/media/`,
      address.replace('.png', '.jpg'),
    ]) {
      expect((await fetch(guess)).status).toBe(404);
    }
  } finally {
    await stop();
  }
});

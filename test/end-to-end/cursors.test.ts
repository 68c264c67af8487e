/** Cursors are opaque: they reveal nothing to their holder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knock } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';

const dir = mkdtempSync(join(tmpdir(), 'cursors-'));
const OPTIONS = { dir, env: { AUTH_API_KEYS: 'acme:acme-key,globex:globex-key' } };
const IMAGES = '[{ path: "https://example.com/a.jpg" }]';
const SUBMIT = `mutation { submitFaceSwap(input: { sourceImage: ${IMAGES}, targetImage: ${IMAGES} }) { job { id } } }`;
const PAGE =
  'query ($after: String) { jobs(first: 1, after: $after) { edges { cursor node { id createdAt } } pageInfo { startCursor endCursor hasNextPage } } }';

interface JobsPage {
  readonly edges: readonly { readonly cursor: string; readonly node: { id: string; createdAt: string } }[];
  readonly pageInfo: { readonly startCursor: string; readonly endCursor: string; hasNextPage: boolean };
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(OPTIONS);
  for (const key of ['acme-key', 'globex-key', 'globex-key', 'acme-key']) {
    expect((await knock('http', gateway.url, { query: SUBMIT }, key)).errors).toEqual([]);
  }
});
afterAll(async () => {
  await gateway.stop();
  rmSync(dir, { recursive: true });
});

async function page(after: string | null, key = 'acme-key'): Promise<JobsPage> {
  const request = { query: PAGE, variables: { after } };
  const { data, errors } = await knock('http', gateway.url, request, key);
  expect(errors).toEqual([]);
  return data?.['jobs'] as JobsPage;
}

describe('A cursor', () => {
  it('leads on, is the same each time, and still leads on after a restart', async () => {
    const { edges, pageInfo } = await page(null);
    const cursor = edges[0]?.cursor ?? '';
    expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([cursor, cursor]);
    expect((await page(null)).pageInfo.endCursor).toBe(cursor);
    const next = await page(cursor);
    expect(next.edges.length).toBe(1);
    expect(next.edges[0]?.node.id).not.toBe(edges[0]?.node.id);
    expect(next.pageInfo.hasNextPage).toBe(false);
    await gateway.stop();
    gateway = await startGateway(OPTIONS);
    expect(await page(cursor)).toEqual(next);
  });

  it('does not tell how many jobs all tenants have, nor anything else that can be read', async () => {
    const first = await page(null);
    const second = await page(first.pageInfo.endCursor);
    const [a, b] = [first, second].map(({ pageInfo }) => Buffer.from(pageInfo.endCursor, 'base64url'));
    expect([a?.length, b?.length]).toEqual([16, 16]);
    // Consecutive jobs differ in a few low bits; encrypted, they differ in about half of all bits.
    const differing = [...(a ?? [])].filter((byte, i) => byte !== b?.[i]).length;
    expect(differing).toBeGreaterThan(8);
    expect(String(a)).not.toMatch(/^\d+\.\d+$/);
  });

  it.each<[string, (createdAt: number) => string]>([
    [
      'of the form of before, by which a place could be tried',
      (at) => Buffer.from(`${at}.3`).toString('base64url'),
    ],
    ['of random bytes', () => Buffer.alloc(16, 7).toString('base64url')],
    ['that is empty', () => ''],
    ['that is too long', () => 'A'.repeat(100_000)],
    ['that is no base64', () => '\u0000ü'],
  ])('%s is refused, and the refusal says what to do', async (_what, make) => {
    const { edges } = await page(null);
    const after = make(Date.parse(edges[0]?.node.createdAt ?? ''));
    const { errors } = await knock('http', gateway.url, { query: PAGE, variables: { after } }, 'acme-key');
    expect(errors[0]?.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      fieldErrors: [
        {
          path: 'after',
          code: 'CURSOR_INVALID',
          message: 'must be a cursor from this query; start again without it',
        },
      ],
    });
  });

  it("of another tenant shows the caller's own jobs only", async () => {
    const { pageInfo } = await page(null, 'globex-key');
    const own = [await page(null), await page((await page(null)).pageInfo.endCursor)];
    const ids = own.flatMap(({ edges }) => edges.map(({ node }) => node.id));
    for (const { node } of (await page(pageInfo.endCursor)).edges) expect(ids).toContain(node.id);
  });
});

/** GraphQL over HTTP: empty parameters count as absent, over every protocol. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareSocket, DOORS, type Door, knock, type Request } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

const ONE = { query: 'query A($n: Int = 1) { jobs(first: $n) { pageInfo { hasNextPage } } }' };
const DATA = { jobs: { pageInfo: { hasNextPage: false } } };

const EMPTY: readonly [what: string, more: Record<string, unknown>][] = [
  ['operationName', { operationName: '' }],
  ['variables', { variables: '' }],
  ['extensions', { extensions: '' }],
  ['documentId', { documentId: '' }],
  ['all of them', { operationName: '', variables: '', extensions: '', documentId: '' }],
  ['all of them null', { operationName: null, variables: null, extensions: null }],
  ['objects without members', { operationName: '', variables: {}, extensions: {} }],
];

/** Sends the request unchanged, even where it violates a client's types. */
async function sent(door: Door, request: Record<string, unknown>): Promise<unknown> {
  if (door !== 'socket') return (await knock(door, gateway.url, request as Request, null)).data;
  const bare = await bareSocket(gateway.url);
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  bare.say({ id: '1', type: 'subscribe', payload: request });
  const { payload } = await Promise.race([
    bare.next('next'),
    bare.closed.then((closed) => ({ payload: { data: closed } })),
  ]);
  bare.socket.terminate();
  return (payload as { data: unknown }).data;
}

describe.each(DOORS)('by %s', (door) => {
  it.each(EMPTY)('%s', async (_what, more) => {
    expect(await sent(door, { ...ONE, ...more })).toEqual(DATA);
  });

  it('a name is still needed where there are several operations', async () => {
    const query = 'query A { __typename } query B { __typename }';
    const { data, errors } = await knock(door, gateway.url, { query, operationName: '' }, null);
    expect(data).toBeNull();
    expect(errors[0]?.message).toMatch(/^Must provide operation name/);
  });

  it('what is inside variables is left as it is', async () => {
    const query = 'query ($id: ID!) { job(id: $id) { id } }';
    const { errors } = await knock(door, gateway.url, { query, variables: { id: '' } }, null);
    expect(errors).toEqual([]);
    const input = {
      sourceImage: [{ path: 'https://example.com/a.jpg', opts: '' }],
      targetImage: [{ path: '' }],
    };
    const submit =
      'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { deduplicated } }';
    const refused = await knock(door, gateway.url, { query: submit, variables: { input } }, null);
    expect(refused.errors[0]?.extensions?.fieldErrors).toContainEqual(
      expect.objectContaining({ path: 'input.targetImage.0.path', code: 'URL_INVALID' }),
    );
  });
});

describe.each(['/graphql', '/graphql/stream'])('by GET of %s', (path) => {
  const accept = path === '/graphql' ? 'application/json' : 'text/event-stream';

  async function got(search: Record<string, unknown>): Promise<string> {
    const texts = Object.entries(search).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    const response = await fetch(`${gateway.url}${path}?${new URLSearchParams(texts)}`, {
      headers: { accept },
    });
    return response.text();
  }

  it.each(EMPTY.filter(([what]) => !what.includes('null')))('%s', async (_what, more) => {
    expect(await got({ ...ONE, ...more })).toContain(JSON.stringify(DATA));
  });

  it('a name is still needed where there are several operations', async () => {
    const query = 'query A { __typename } query B { __typename }';
    expect(await got({ query, operationName: '' })).toContain('Must provide operation name');
  });
});

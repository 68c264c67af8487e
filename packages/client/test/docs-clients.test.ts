/** What docs/clients.md lists, compared with the schema; and its EventSource, run as it stands there. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gql } from '@apollo/client';
import { transformSync } from 'esbuild';
import { buildSchema, isObjectType, isScalarType, isSpecifiedScalarType } from 'graphql';
import { EventSource } from 'undici';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ask, dataOf, follow, oneFace, submit } from '../../../test/support/caller.js';
import { ROOT } from '../../../test/support/gateway-process.js';
import { startGateway } from '../../../test/support/harness.js';
import { addressedTo } from '../../../test/support/readme.js';
import { followJobs } from '../src/apollo/index.js';
import { startApollo } from './apollo-client.js';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/clients.md');
const types = Object.values(buildSchema(read('schema.graphql')).getTypeMap());

/** The only example that contains `part`. */
function exampleWith(part: string): string {
  const examples = [...page.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  const found = examples.filter((text) => text.includes(part));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

it('its keys for graphcache name every type without an id', () => {
  const [, listed = ''] = /keys: \{([\s\S]*?)\n {2}\},/.exec(exampleWith('cacheExchange')) ?? [];
  const keys = [...listed.matchAll(/(\w+): (?:embedded|\(\))/g)].map(([, name]) => name);
  const unidentified = types
    .filter((type) => isObjectType(type) && !('id' in type.getFields()))
    .map(({ name }) => name)
    .filter((name) => !/^(?:__.*|Query|Mutation|Subscription)$/.test(name));
  expect(keys.toSorted()).toEqual(unidentified.toSorted());
});

it('its examples give every scalar of the schema a type', () => {
  const scalars = types.filter((type) => isScalarType(type) && !isSpecifiedScalarType(type));
  expect(scalars.length).toBeGreaterThan(2);
  for (const part of ['preset: client', 'initGraphQLTada', 'customScalarTypes']) {
    const example = exampleWith(part);
    for (const { name } of scalars)
      expect(example).toMatch(new RegExp(`\\b${name}"?: "?(?:string|'?Record)`));
  }
});

it('its EventSource follows a job to its end, and closes', async () => {
  const gateway = await startGateway();
  const query = `mutation ($input: SubmitFaceSwapInput!) {
    submitFaceSwap(input: $input) { job { id } followToken { token } } }`;
  type Submitted = { submitFaceSwap: { job: { id: string }; followToken: { token: string } } };
  const { submitFaceSwap } = await dataOf(ask<Submitted, object>(gateway.url, query, { input: oneFace() }));
  const states: { status: string }[] = [];
  const closed = vi.fn();
  class Closing extends EventSource {
    override close(): void {
      closed();
      super.close();
    }
  }
  const run = new Function(
    ...['id', 'followToken', 'show', 'EventSource', addressedTo(gateway, exampleWith('EventSource'))],
  );
  const show = (state: { status: string }) => void states.push(state);
  run(submitFaceSwap.job.id, submitFaceSwap.followToken.token, show, Closing);
  await vi.waitUntil(() => closed.mock.calls.length > 0, { timeout: 15_000 });
  expect(states.at(-1)?.status).toBe('COMPLETED');
  await gateway.stop();
});

it('its client for Apollo has no type errors', async () => {
  mkdirSync(join(ROOT, 'node_modules/.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'node_modules/.cache/docs-clients-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const compilerOptions = {
    ...{ noEmit: true, incremental: false, strict: true, skipLibCheck: true, types: [] },
    ...{
      target: 'es2022',
      lib: ['es2022', 'dom', 'dom.iterable'],
      module: 'esnext',
      moduleResolution: 'bundler',
    },
    paths: { '@face-swap-gateway/client/apollo': [join(ROOT, 'packages/client/src/apollo/index.ts')] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  writeFileSync(join(folder, 'client.ts'), exampleWith('refuseOlderJobs') + exampleWith('const stop ='));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const checking = promisify(execFile)(process.execPath, [tsc, '-p', folder]);
  await expect(checking).resolves.toEqual({ stdout: '', stderr: '' });
});

it("its list in Apollo's cache has what is new, and not what was deleted", async () => {
  const gateway = await startGateway();
  const apollo = startApollo(gateway.url);
  const { client } = apollo;
  const query = gql`query { jobs(first: 20) { edges { node { id version status } } } }`;
  const list = client.watchQuery<{ jobs: { edges: readonly { node: { id: string } }[] } }>({ query });
  const subscription = list.subscribe(() => {});
  const ids = () => list.getCurrentResult().data?.jobs?.edges?.map((edge) => edge?.node?.id);
  await expect.poll(ids).toEqual([]);
  const { code } = transformSync(exampleWith('const stop ='), { loader: 'ts' });
  new Function('client', 'followJobs', code)(client, followJobs);
  const { id } = await submit(gateway.url);
  await expect.poll(ids).toEqual([id]);
  await follow(gateway.url, id);
  await dataOf(ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));
  await expect.poll(ids).toEqual([]);
  subscription.unsubscribe();
  await apollo.stop();
  await gateway.stop();
});

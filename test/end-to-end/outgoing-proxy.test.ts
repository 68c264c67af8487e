/** A gateway that reaches Akool, results and keys only through the proxy of `https_proxy`, with TLS end to end. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { type Answer, dataOf, lookUp, oneFace, submit } from '../support/caller.js';
import { PROXY_PASSWORD, startConnectProxy } from '../support/connect-proxy.js';
import { build, cleanUp, newFolder, startProcess } from '../support/gateway-process.js';
import { startGateway } from '../support/harness.js';
import { httpServer, json } from '../support/local-server.js';
import { JOB, type Operation, SUBMIT, textOf } from '../support/operations.js';
import { CA_FILE, startTlsFront } from '../support/tls-front.js';

const ends: (() => Promise<unknown>)[] = [];

beforeAll(build);
afterEach(async () => {
  await cleanUp();
  for (const end of ends.splice(0).reverse()) await end();
});

it('submits a job as soon as there is a tunnel, keeps its result and verifies its caller, and shows no password', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const identityProvider = await httpServer(json(200, { keys: [await exportJWK(publicKey)] }));
  const akool = createSandbox({ publicUrl: 'https://cdn.outside.test', queueMs: 20, processMs: 20 });
  await akool.start();
  const fronts = [await startTlsFront(akool.url), await startTlsFront(identityProvider.url)];
  const [toAkool = '', toKeys = ''] = fronts.map((front) => front.url().href);
  const leads = new Map([
    ['cdn.outside.test:443', toAkool],
    ['keys.outside.test:443', toKeys],
  ]);
  const proxy = await startConnectProxy(leads);
  ends.push(
    () => proxy.stop(),
    () => Promise.all(fronts.map((front) => front.stop())),
    () => akool.stop(),
    () => identityProvider.close(),
  );
  const gateway = await startProcess(newFolder(), {
    https_proxy: proxy.url,
    NODE_EXTRA_CA_CERTS: CA_FILE,
    AKOOL_API_KEY: akool.apiKey,
    AKOOL_CLIENT_ID: akool.clientId,
    AKOOL_BASE_URL: 'https://akool.outside.test',
    AUTH_JWKS_URL: 'https://keys.outside.test/keys',
    POLL_AFTER_MS: '50',
    LOG_LEVEL: 'trace',
  });
  const token = await new SignJWT({ tenant: 'acme' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  const ask = async <Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
  ): Promise<Answer<Data>> => {
    const answer = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: textOf(operation), variables }),
    });
    const text = await answer.text();
    return { status: answer.status, body: JSON.parse(text), text };
  };

  const { submitFaceSwap } = await dataOf(ask(SUBMIT, { input: oneFace() }));
  expect(submitFaceSwap.job.status).toBe('WAITING');
  await expect.poll(() => gateway.stdout()).toContain('the proxy answered 502');
  leads.set('akool.outside.test:443', toAkool);
  await expect
    .poll(async () => (await dataOf(ask(JOB, { id: submitFaceSwap.job.id }))).job)
    .toMatchObject({
      status: 'COMPLETED',
      result: { archived: true, providerUrl: expect.stringMatching(/^https:\/\/cdn\.outside\.test\//) },
    });
  expect(new Set(proxy.asked)).toEqual(
    new Set(['akool.outside.test:443', 'cdn.outside.test:443', 'keys.outside.test:443']),
  );
  expect(akool.bills).toHaveLength(1);
  const [started] = gateway.stdout().match(/\{.*"msg":"Face-swap gateway is ready.*\}/) ?? ['{}'];
  expect(JSON.parse(started)).toMatchObject({ proxies: { https: new URL(proxy.url).host } });

  gateway.child.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
  const printed = gateway.stdout() + gateway.stderr();
  expect(printed).not.toContain(PROXY_PASSWORD);
  expect(printed).not.toContain(btoa(`me:${PROXY_PASSWORD}`));
});

it('reaches its sandbox directly', async () => {
  const nowhere = 'http://127.0.0.1:1';
  const gateway = await startGateway({ env: { HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere } });
  ends.push(() => gateway.stop());
  const { id } = await submit(gateway.url);
  await expect.poll(async () => (await lookUp(gateway.url, id)).result?.archived).toBe(true);
});

/** GraphiQL while the gateway is gone, and when it is back: always the same page, never reloaded. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, dataOf } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { until } from '../support/gate.js';
import { cleanUp, newFolder } from '../support/gateway-process.js';
import { GraphiqlPage } from '../support/graphiql-page.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { SUBMIT } from '../support/operations.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const KEY = 'sesame-0123456789abcdef';

describe.skipIf(!isChromiumInstalled())('GraphiQL without its gateway', { timeout: 120_000 }, () => {
  let browser: Browser;
  let gateway: TestGateway;
  /** Between the page and the gateway. */
  let proxy: TcpProxy;
  let graphiql: GraphiqlPage;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([
      launchChromium(),
      // Jobs end when a test ends them.
      startGateway({ sandbox: { queueMs: 3_600_000 } }),
    ]);
    proxy = await startProxy(gateway.url);
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.stop();
    await gateway?.stop();
    await cleanUp();
  });
  const notice = () => graphiql.page.getByRole('status');
  const address = () => new URL(proxy.url).origin;

  async function submitted({ url, sandbox }: TestGateway): Promise<string> {
    const input = {
      sourceImage: [{ path: `${sandbox.url}/samples/source-face.png` }],
      targetImage: [{ path: `${sandbox.url}/samples/target-face.png` }],
    };
    const { submitFaceSwap } = await dataOf(ask(url, SUBMIT, { input }));
    return submitFaceSwap.job.id;
  }

  async function open(prepare?: (page: GraphiqlPage['page']) => Promise<void>): Promise<void> {
    graphiql = await GraphiqlPage.open(browser, address(), { ...(prepare && { prepare }) });
    // A worker answers when its script is there; one that Monaco replaces meanwhile never does.
    await until(async () => {
      const answers = graphiql.page.workers().map((worker) => worker.evaluate('true'));
      const ready = (await Promise.allSettled(answers)).filter(({ status }) => status === 'fulfilled');
      return answers.length === 3 && ready.length === 3;
    });
    await graphiql.page.evaluate('globalThis.isTheSamePage = true');
  }

  /** Lets time pass on the page, whose clock must be installed. */
  async function passUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
    const pass = async (): Promise<boolean> => {
      await graphiql.page.clock.runFor(5000);
      return condition();
    };
    await expect.poll(pass).toBe(true);
  }

  async function expectSamePage(): Promise<void> {
    expect(await graphiql.page.evaluate('globalThis.isTheSamePage')).toBe(true);
    expect(graphiql.complaints).toEqual([]);
  }

  describe('on one page', () => {
    beforeAll(() => open());
    beforeEach(() => graphiql.startOver());
    afterAll(() => graphiql.close());

    test('says that there is no answer, and when there can be one again', async () => {
      await graphiql.paste('{ __typename }');
      await proxy.become('away');
      await graphiql.execute();
      await expect
        .poll(() => graphiql.answer())
        .toEqual({
          errors: [
            {
              message: `No answer from ${address()}/graphql: the gateway is not running, or the connection to it broke. Run the operation again when the gateway is back.`,
            },
          ],
        });
      await expect
        .poll(() => notice().innerText())
        .toBe(`The gateway at ${address()} does not answer. This page tells you when it is back.`);

      await graphiql.paste('mutation { cancelJob(id: "x") { id } }');
      await graphiql.execute();
      await expect
        .poll(() => graphiql.textOf('response.json'))
        .toContain('Whether the gateway received this mutation is unknown.');

      await proxy.become('on');
      await expect.poll(() => notice().innerText()).toBe('The gateway is back.');
      await graphiql.paste('{ __typename }');
      await graphiql.execute();
      await expect.poll(() => graphiql.answer()).toEqual({ data: { __typename: 'Query' } });
      await notice().waitFor({ state: 'detached' });
      await expectSamePage();
    });

    test('continues a subscription by itself, with what happened meanwhile', async () => {
      const id = await submitted(gateway);
      await graphiql.paste(`subscription { jobUpdated(id: "${id}") { status } }`);
      await graphiql.execute();
      await expect.poll(() => graphiql.answer()).toEqual({ data: { jobUpdated: { status: 'QUEUED' } } });

      await proxy.become('away');
      await expect
        .poll(() => notice().innerText())
        .toBe(
          `The gateway at ${address()} does not answer. The subscription goes on by itself when it is back.`,
        );
      // The last state stays.
      expect(await graphiql.answer()).toEqual({ data: { jobUpdated: { status: 'QUEUED' } } });
      gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '');

      await proxy.become('on');
      await expect.poll(() => graphiql.answer()).toEqual({ data: { jobUpdated: { status: 'COMPLETED' } } });
      await notice().waitFor({ state: 'detached' });
      await graphiql.page.getByRole('button', { name: /^Execute query/ }).waitFor();
      await expectSamePage();
    });

    test('starts a subscription as soon as the gateway is there, unless it is stopped before', async () => {
      const id = await submitted(gateway);
      await proxy.become('away');
      await graphiql.paste('subscription { jobsUpdated { id } }');
      await graphiql.execute();
      await notice().waitFor();
      await graphiql.page.getByRole('button', { name: /^Stop query/ }).click();

      await graphiql.paste(`subscription { jobUpdated(id: "${id}") { status } }`);
      await graphiql.execute();
      await proxy.become('on');
      await expect.poll(() => graphiql.answer()).toEqual({ data: { jobUpdated: { status: 'QUEUED' } } });
      // Still running: the end of the one that was stopped does not end it.
      await graphiql.page.getByRole('button', { name: /^Stop query/ }).click();
      await graphiql.page.getByRole('button', { name: /^Execute query/ }).waitFor();
      await expectSamePage();
    });

    test('says that something in between answered, or that nothing was sent', async () => {
      await graphiql.fill('Headers', { note: '→' });
      await graphiql.paste('{ __typename }');
      await graphiql.execute();
      await expect
        .poll(() => graphiql.textOf('response.json'))
        .toContain('Not sent: the headers in Headers cannot be sent by a browser.');

      await graphiql.fill('Headers', {});
      await graphiql.page.route('**/graphql', (route) =>
        route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad Gateway</h1>' }),
      );
      await graphiql.execute();
      await expect
        .poll(() => graphiql.textOf('response.json'))
        .toContain(`HTTP 502 from ${address()}/graphql instead of a GraphQL answer`);
    });
  });

  describe('on a page whose clock is advanced', () => {
    beforeAll(() => open((page) => page.clock.install()));
    beforeEach(() => graphiql.startOver());
    afterAll(() => graphiql.close());

    test('leaves a connection that has fallen silent', async () => {
      const id = await submitted(gateway);
      const probes: string[] = [];
      graphiql.page.on('request', (request) => request.method() === 'HEAD' && probes.push(request.url()));
      await graphiql.paste(`subscription { jobUpdated(id: "${id}") { status } }`);
      await graphiql.execute();
      await expect.poll(() => graphiql.answer()).toEqual({ data: { jobUpdated: { status: 'QUEUED' } } });

      await proxy.become('silent');
      gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '');
      await passUntil(() => probes.length > 0);
      await proxy.become('on');
      await passUntil(() => graphiql.sockets.length > 1);
      await expect.poll(() => graphiql.answer()).toEqual({ data: { jobUpdated: { status: 'COMPLETED' } } });
      await expectSamePage();
    });

    test('says what to do if no WebSocket gets through', async () => {
      proxy.toServer = (bytes) => (bytes.includes('Upgrade: websocket') ? 'cut' : 'pass');
      await graphiql.paste('subscription { jobsUpdated { id } }');
      await graphiql.execute();
      await passUntil(async () => (await graphiql.answer()) !== undefined);
      expect(await graphiql.textOf('response.json')).toContain(
        `No WebSocket to ${address().replace('http', 'ws')}/graphql stays open, although the gateway answers over HTTP.`,
      );
      await graphiql.page.getByRole('button', { name: /^Execute query/ }).waitFor();
      await expectSamePage();
    });
  });

  describe('on a page of its own', () => {
    afterEach(() => graphiql.close());

    test('outlives a restart of the gateway', async () => {
      const options = { dir: newFolder(), env: { PORT: String(await freePort()) } };
      const before = await startGateway(options);
      graphiql = await GraphiqlPage.open(browser, before.url);
      await graphiql.page.evaluate('globalThis.isTheSamePage = true');
      await graphiql.paste('subscription { jobsUpdated { id status } }');
      await graphiql.execute();
      await expect.poll(() => graphiql.sockets.length).toBe(1);

      await before.stop();
      await notice().waitFor();
      const after = await startGateway(options);
      await notice().waitFor({ state: 'detached' });
      const id = await submitted(after);
      await expect
        .poll(() => graphiql.answer())
        .toEqual({ data: { jobsUpdated: { id, status: 'COMPLETED' } } });
      await expectSamePage();
      await after.stop();
    });

    test('loads the schema even if the first question for it was lost', async () => {
      let lost = 0;
      proxy.toServer = (bytes) => {
        if (!bytes.includes('IntrospectionQuery')) return 'pass';
        lost += 1;
        return 'cut';
      };
      await open();
      await expect.poll(() => lost).toBeGreaterThan(0);
      proxy.toServer = () => 'pass';
      await graphiql.page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
      await graphiql.page.getByRole('link', { name: 'Mutation', exact: true }).waitFor();
      expect(await graphiql.textOf('response.json')).toBe('');
      await expectSamePage();
    });

    test('says why the gateway refuses a subscription', async () => {
      const closed = await startGateway({ env: { AUTH_API_KEYS: `acme:${KEY}` } });
      graphiql = await GraphiqlPage.open(browser, closed.url);
      await graphiql.paste('subscription { jobsUpdated { id } }');
      await graphiql.execute();
      await expect
        .poll(() => graphiql.textOf('response.json'))
        .toMatch(/The gateway ended the subscription: .+ \(4401\)\. Set \\"Authorization\\" in Headers/);
      await closed.stop();
    });
  });
});

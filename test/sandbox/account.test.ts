import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import {
  CREDIT,
  call,
  DELETE,
  idOf,
  PRO,
  pro,
  proBody,
  RESULTS,
  resultOf,
  startSandbox,
  TOKEN,
} from '../support/sandbox-customer.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.stop());

const getToken = async () => {
  const { apiKey: clientSecret, clientId } = sandbox;
  const { body } = await call(sandbox, TOKEN, { clientId, clientSecret }, {});
  return String(body['token']);
};

describe('the way in', () => {
  it('is the key', async () => {
    expect((await call(sandbox, CREDIT)).body.code).toBe(1000);
    expect((await call(sandbox, CREDIT, undefined, { 'x-api-key': 'another' })).body.code).toBe(1101);
    expect((await call(sandbox, CREDIT, undefined, {})).body.code).toBe(1102);
  });

  it('is a token', async () => {
    const authorization = `Bearer ${await getToken()}`;
    idOf(await call(sandbox, PRO, proBody(), { authorization }));
    expect((await call(sandbox, PRO, proBody(), { authorization: 'Bearer wrong' })).body.code).toBe(1101);
    expect((await call(sandbox, PRO, proBody(), { authorization: sandbox.apiKey })).body.code).toBe(1101);
  });

  it('throws the key away when both are sent', async () => {
    const headers = { 'x-api-key': sandbox.apiKey, authorization: 'Bearer wrong' };
    const answer = await call(sandbox, CREDIT, undefined, headers);
    expect(answer).toMatchObject({ status: 200, body: { code: 1101 } });
  });

  it('closes for expired tokens and opens for new ones', async () => {
    const old = `Bearer ${await getToken()}`;
    sandbox.expireTokens();
    expect((await call(sandbox, CREDIT, undefined, { authorization: old })).body.code).toBe(1101);
    const fresh = `Bearer ${await getToken()}`;
    expect((await call(sandbox, CREDIT, undefined, { authorization: fresh })).body.code).toBe(1000);
  });

  it.each([
    [{}, 1003],
    [{ clientId: 'nobody', clientSecret: 'x' }, 1109],
    [{ clientId: 'sandbox-client-id-0001', clientSecret: 'x' }, 1101],
  ])('gives no token for %j', async (body, code) => {
    expect((await call(sandbox, TOKEN, body, {})).body.code).toBe(code);
  });
});

describe('results', () => {
  it('come for the ids that exist, never for a job_id', async () => {
    const answers = await Promise.all([pro(sandbox), pro(sandbox)]);
    const ids = answers.map(idOf);
    const { body } = await call(
      sandbox,
      `${RESULTS}?_ids=${ids.join(',')},${answers[0]?.body.data['job_id']}`,
    );
    expect(body.data['result']).toMatchObject(ids.map((_id) => ({ _id })));
  });

  it('want ids', async () => {
    expect((await call(sandbox, RESULTS)).body.code).toBe(1003);
    expect((await call(sandbox, `${RESULTS}?_ids=,`)).body.code).toBe(1003);
  });

  it('are deleted once, and only when finished', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ queueMs: 3_600_000 });
    const id = idOf(await pro(sandbox));
    expect((await call(sandbox, DELETE, { _ids: id })).body.code).toBe(1010);
    sandbox.finish(id);
    expect((await call(sandbox, DELETE, { _ids: id })).body.code).toBe(1000);
    expect(await resultOf(sandbox, id)).toBeUndefined();
    expect((await fetch(`${sandbox.url}/results/${id}.png`)).status).toBe(404);
    expect((await call(sandbox, DELETE, { _ids: id })).body.code).toBe(1008);
    expect((await call(sandbox, DELETE, {})).body.code).toBe(1003);
    expect(sandbox.bills).toHaveLength(1);
  });
});

describe('a sandbox', () => {
  it('starts and stops as often as it is told, on the port of its first start', async () => {
    await sandbox.start();
    const { url } = sandbox;
    await Promise.all([sandbox.stop(), sandbox.stop()]);
    await expect(fetch(url)).rejects.toThrow();
    await sandbox.start();
    expect(sandbox.url).toBe(url);
    idOf(await pro(sandbox));
  });

  it('has no URL before it is started and wants a key that AES can use', () => {
    expect(() => createSandbox().url).toThrow('no URL');
    expect(() => createSandbox({ apiKey: 'short' })).toThrow(RangeError);
    expect(() => createSandbox({ faults: JSON.parse('{"rates":{"submit":{"flood":1}}}') })).toThrow('flood');
  });

  it('refuses a start where somebody else listens, and starts when he is gone', async () => {
    const second = createSandbox({ port: Number(new URL(sandbox.url).port) });
    await expect(second.start()).rejects.toThrow('EADDRINUSE');
    await sandbox.stop();
    await second.start();
    await second.stop();
  });

  it('gives its addresses as others reach it', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ publicUrl: 'http://sandbox.internal:4001/' });
    const id = idOf(await pro(sandbox));
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({
      url: `http://sandbox.internal:4001/results/${id}.png`,
    });
  });
});

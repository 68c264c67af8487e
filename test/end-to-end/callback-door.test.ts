/** The endpoint for Akool's callbacks: what it accepts, and that all bad requests get the same response. */
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encrypt, type Sealing, seal, sign } from '../../src/sandbox/envelope.js';
import type { SandboxJob } from '../../src/sandbox/sandbox.js';
import { follow, lookUp, submit } from '../support/caller.js';
import { recordedLog, startGateway, type TestGateway, withMethods } from '../support/harness.js';
import type { SeenJob } from '../support/operations.js';

let gateway: TestGateway;
let job: SeenJob;
let theirs: SandboxJob;

/** The sandbox sends no callbacks and ends no jobs by itself here. */
const SILENT = {
  env: { KEEP_RESULTS: 'false' },
  sandbox: { queueMs: 3_600_000, faults: { rates: { webhook: { drop: 1 } } } },
} as const;

beforeEach(async () => {
  gateway = await startGateway(SILENT);
  job = await submit(gateway.url);
  theirs = acceptedBy(gateway);
});
afterEach(async () => {
  await gateway.stop();
});

function acceptedBy({ sandbox }: TestGateway): SandboxJob {
  const accepted = sandbox.jobs.at(-1);
  if (accepted === undefined) throw new Error('The sandbox has no job');
  return accepted;
}

function sealing(): Sealing {
  const { clientId, apiKey } = gateway.sandbox;
  return { clientId, clientSecret: apiKey, timestamp: Date.now(), nonce: '1529' };
}

function payload(status: number, _id = theirs.id): Record<string, unknown> {
  const url = status === 3 ? `${gateway.sandbox.url}/results/${_id}.png` : '';
  return { _id, status, type: 'faceswap', url };
}

function sealed(status: number, _id?: string): string {
  return JSON.stringify(seal(payload(status, _id), sealing()));
}

/** A correctly signed body around any content. */
function signed(dataEncrypt: string): string {
  const current = sealing();
  const { timestamp, nonce } = current;
  return JSON.stringify({ signature: sign(dataEncrypt, current), dataEncrypt, timestamp, nonce });
}

const JSON_TYPE = { 'content-type': 'application/json' };

function post(body: string | Buffer, headers: Record<string, string> = JSON_TYPE, url = theirs.webhookUrl) {
  return fetch(url, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
}

describe('A good webhook', () => {
  it('is answered with 200 once it is stored, and the followers know', async () => {
    const following = follow(gateway.url, job.id);
    expect((await post(sealed(2))).status).toBe(200);
    expect((await lookUp(gateway.url, job.id)).status).toBe('PROCESSING');
    expect((await post(sealed(3))).status).toBe(200);
    const now = await lookUp(gateway.url, job.id);
    expect(now).toMatchObject({
      status: 'COMPLETED',
      version: job.version + 2,
      result: { providerUrl: payload(3)['url'] },
    });
    expect((await following).at(-1)).toEqual(now);
  });

  it('changes nothing when it comes again, late or out of order, and is answered with 200 all the same', async () => {
    const processing = sealed(2);
    const done = sealed(3);
    expect((await post(done)).status).toBe(200);
    const ended = await lookUp(gateway.url, job.id);
    expect(ended.status).toBe('COMPLETED');
    for (const body of [done, processing, sealed(1), sealed(4), sealed(3), processing]) {
      expect((await post(body)).status).toBe(200);
    }
    const together = await Promise.all(Array.from({ length: 20 }, () => post(done)));
    expect(together.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await lookUp(gateway.url, job.id)).toEqual(ended);
  });

  it('is stored once, however many of it come at the same time', async () => {
    const together = await Promise.all(Array.from({ length: 20 }, () => post(sealed(2))));
    expect(together.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const now = await lookUp(gateway.url, job.id);
    expect(now.version).toBe(job.version + 1);
    expect(now.history.filter(({ status }) => status === 'PROCESSING')).toHaveLength(1);
  });

  it('of a failure ends the job with a reason', async () => {
    expect((await post(sealed(4))).status).toBe(200);
    expect(await lookUp(gateway.url, job.id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'GENERATION_FAILED' },
    });
  });

  it('is taken with a charset in its content type, and with a number for a nonce', async () => {
    const body = JSON.stringify(seal(payload(2), { ...sealing(), nonce: 1529 }));
    const answer = await post(body, { 'content-type': 'Application/JSON; charset=utf-8' });
    expect(answer.status).toBe(200);
  });

  it('that is here before the answer to the submit binds the job, and the answer adds the rest', async () => {
    const gate = gateway.sandbox.hold('accepted');
    const submitting = submit(gateway.url);
    await gate.arrived;
    theirs = acceptedBy(gateway);
    expect((await post(sealed(3))).status).toBe(200);
    gate.release();
    const submitted = await submitting;
    expect(submitted).toMatchObject({ status: 'COMPLETED', providerId: theirs.id });
    const life = await follow(gateway.url, submitted.id);
    const now = await lookUp(gateway.url, submitted.id);
    expect(life.at(-1)).toMatchObject({ status: 'COMPLETED', providerId: theirs.id });
    await expect.poll(async () => (await lookUp(gateway.url, submitted.id)).providerJobId).toBe(theirs.jobId);
    expect(now.history.map(({ status }) => status).slice(0, 3)).toEqual([
      'WAITING',
      'SUBMITTING',
      'COMPLETED',
    ]);
  });
});

describe('A webhook that cannot be stored', () => {
  it('is not answered with 200, and is taken when it comes again', async () => {
    await gateway.stop();
    let isBroken = false;
    gateway = await startGateway({
      ...SILENT,
      overrides: {
        wrapStore: (store) =>
          withMethods(store, {
            save: (change) => (isBroken ? Promise.reject(new Error('disk is full')) : store.save(change)),
          }),
      },
    });
    job = await submit(gateway.url);
    theirs = acceptedBy(gateway);
    isBroken = true;
    const refused = await post(sealed(3));
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toContain('disk');
    isBroken = false;
    expect((await lookUp(gateway.url, job.id)).version).toBe(job.version);
    expect((await post(sealed(3))).status).toBe(200);
    expect((await lookUp(gateway.url, job.id)).status).toBe('COMPLETED');
  });
});

describe('Whatever can be read', () => {
  it.each<[string, () => Promise<Response>]>([
    ['no content type', () => post(Buffer.from(sealed(3)), {})],
    ['text', () => post(sealed(3), { 'content-type': 'text/plain; charset=utf-8' })],
    ['a form', () => post(sealed(3), { 'content-type': 'application/x-www-form-urlencoded' })],
    ['gzip', () => post(gzipSync(sealed(3)), { ...JSON_TYPE, 'content-encoding': 'gzip' })],
    [
      'a compression that it does not have',
      () => post(sealed(3), { ...JSON_TYPE, 'content-encoding': 'gzip' }),
    ],
    ['a broken content type', () => post(sealed(3), { 'content-type': ';;;' })],
    ['a trailing slash', () => post(sealed(3), JSON_TYPE, `${theirs.webhookUrl}/`)],
    ['a timestamp as text', () => post(sealed(3).replace(/"timestamp":(\d+)/, '"timestamp":"$1"'))],
    [
      'a status as text',
      () => post(signed(encrypt(JSON.stringify({ ...payload(3), status: '3' }), sealing()))),
    ],
  ])('is taken: %s', async (_what, send) => {
    expect((await send()).status).toBe(200);
    expect((await lookUp(gateway.url, job.id)).status).toBe('COMPLETED');
  });
});

describe('Whatever cannot be read', () => {
  it.each<[string, () => Promise<Response>]>([
    ['a body of another form', () => post('url=https%3A%2F%2Fcdn.example%2F1.png')],
    ['a payload of another form', () => post(signed(encrypt('{"id": 7}', sealing())))],
    [
      'broken gzip',
      () => post(gzipSync(sealed(3)).subarray(0, 60), { ...JSON_TYPE, 'content-encoding': 'gzip' }),
    ],
  ])('is refused, and has Akool asked: %s', async (_what, send) => {
    const before = gateway.sandbox.requests.results;
    expect((await send()).status).toBe(400);
    await expect.poll(() => gateway.sandbox.requests.results).toBe(before + 1);
  });

  it('is not worth a question if its signature is wrong', async () => {
    const before = gateway.sandbox.requests.results;
    expect(
      (await post(sealed(3).replace(/"signature":"\w{40}"/, `"signature":"${'a'.repeat(40)}"`))).status,
    ).toBe(400);
    expect((await post(sealed(3))).status).toBe(200);
    expect(gateway.sandbox.requests.results).toBe(before);
  });
});

it('at an unknown address is logged as such, however its body comes', async () => {
  await gateway.stop();
  const { log, lines } = recordedLog('warn');
  gateway = await startGateway({ ...SILENT, overrides: { log } });
  const unknown = `${gateway.url}/webhooks/akool/${'A'.repeat(32)}`;
  await post('{}', JSON_TYPE, unknown);
  await post(gzipSync('{}'), { ...JSON_TYPE, 'content-encoding': 'gzip' }, unknown);
  for (const path of ['', '/']) {
    expect((await post('{}', JSON_TYPE, `${gateway.url}/webhooks/akool${path}`)).status).toBe(400);
  }
  const refused = lines.filter(({ msg }) => msg === 'callback refused').map(({ reason }) => reason);
  expect(refused).toEqual(Array(4).fill('UNKNOWN_ADDRESS'));
  expect((await post('{}', JSON_TYPE, `${gateway.url}/webhooks/akool/%zz`)).status).toBe(400);
  expect(lines.at(-1)).toMatchObject({ msg: 'request refused', reason: 'FST_ERR_BAD_URL' });
});

describe('Whatever is bad', () => {
  /** Bad requests by name; all get the same response. */
  function badOnes(): [string, () => Promise<Response>][] {
    const good = sealed(3);
    const { dataEncrypt, timestamp } = JSON.parse(good) as { dataEncrypt: string; timestamp: number };
    const bent = Buffer.from(dataEncrypt, 'base64');
    bent[bent.length - 17] = (bent[bent.length - 17] ?? 0) ^ 1;
    const origin = gateway.url;
    const method = (name: string, body?: string) => () =>
      fetch(theirs.webhookUrl, { method: name, headers: JSON_TYPE, ...(body !== undefined && { body }) });
    return [
      ['an unknown token', () => post(good, JSON_TYPE, `${origin}/webhooks/akool/${'A'.repeat(32)}`)],
      ['a very long token', () => post(good, JSON_TYPE, `${origin}/webhooks/akool/${'A'.repeat(1000)}`)],
      ['no token', () => post(good, JSON_TYPE, `${origin}/webhooks/akool/`)],
      ['more than a token', () => post(good, JSON_TYPE, `${theirs.webhookUrl}/more`)],
      ["another job's _id", () => post(sealed(3, '0123456789abcdef01234567'))],
      ['a wrong signature', () => post(good.replace(/"signature":"../, '"signature":"zz'))],
      [
        'a forged signature',
        () => post(good.replace(/"signature":"\w{40}"/, `"signature":"${'a'.repeat(40)}"`)),
      ],
      ['another timestamp', () => post(good.replace(String(timestamp), String(timestamp + 1)))],
      ['bent bytes', () => post(signed(bent.toString('base64')))],
      [
        'another key',
        () =>
          post(signed(encrypt(JSON.stringify(payload(3)), { ...sealing(), clientSecret: 'x'.repeat(24) }))),
      ],
      ['no padding', () => post(signed(unpadded(JSON.stringify(payload(3)).padEnd(160))))],
      ['broken base64', () => post(signed(`${dataEncrypt.slice(0, -4)}*&^%`))],
      ['half a block', () => post(signed(Buffer.from('short').toString('base64')))],
      ['text that is no JSON inside', () => post(signed(encrypt('not json', sealing())))],
      ['JSON that is no event inside', () => post(signed(encrypt('[1, 2]', sealing())))],
      ['a status that nobody knows', () => post(sealed(9))],
      ['a truncated body', () => post(good.slice(0, -10))],
      ['a body that is no JSON', () => post('hello')],
      ['a body that is no object', () => post('null')],
      ['an empty object', () => post('{}')],
      ['no body', () => post('')],
      ['100 KB', () => post(`{"signature":"${'a'.repeat(100_000)}"}`)],
      ['1 MB', () => post('x'.repeat(1024 * 1024))],
      ['a bomb', () => post(gzipSync(Buffer.alloc(1e7)), { ...JSON_TYPE, 'content-encoding': 'gzip' })],
      ['bytes that are no UTF-8', () => post(Buffer.from([0xff, 0xfe, 0x00]))],
      ['GET', method('GET')],
      ['PUT', method('PUT', good)],
      ['PATCH', method('PATCH', good)],
      ['DELETE', method('DELETE')],
      ['OPTIONS', method('OPTIONS')],
      ['PROPFIND', method('PROPFIND')],
    ];
  }

  it('is answered with the same bytes, and changes nothing', async () => {
    const before = await lookUp(gateway.url, job.id);
    const answers = new Map<string, string>();
    for (const [name, send] of badOnes()) answers.set(name, await toText(await send()));
    const [usual = ''] = answers.values();
    expect(usual).toMatch(/^400 /);
    expect(Object.fromEntries(answers)).toEqual(
      Object.fromEntries([...answers.keys()].map((name) => [name, usual])),
    );
    expect(await lookUp(gateway.url, job.id)).toEqual(before);
    // The valid one is still accepted.
    expect((await post(sealed(3))).status).toBe(200);
  });

  it('is answered with the same bytes however it is cut into chunks', async () => {
    const usual = await raw(chunked(['{}']));
    expect(usual).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(chunked(['{"signa', 'ture":', '\u0000\u0001garbage']))).toBe(usual);
    expect(await raw(chunked(Array(40).fill('x'.repeat(4096))))).toBe(usual);
    expect(await raw('GET /webhooks/akool/nobody HTTP/1.1\r\nHost: x\r\n\r\n')).toBe(usual);
  });

  it('is not taken when the chunks themselves are garbage', async () => {
    const path = new URL(theirs.webhookUrl).pathname;
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await raw(`${head}ZZZ\r\nnonsense\r\n`)).toMatch(/^(HTTP\/1\.1 4|$)/);
    expect((await lookUp(gateway.url, job.id)).version).toBe(job.version);
  });

  function chunked(parts: readonly string[]): string {
    const path = new URL(theirs.webhookUrl).pathname;
    const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join('');
    return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
  }

  /** Sends these bytes, and returns everything up to the end of the connection, without the date. */
  async function raw(bytes: string): Promise<string> {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    // If the server stops reading, a reset may follow the response.
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
    return answer.replace(/^date: .*\r\n/im, '');
  }
});

/** Status, headers and body, without the date, which may differ. */
async function toText(response: Response): Promise<string> {
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  return `${response.status} ${JSON.stringify(headers)} ${await response.text()}`;
}

/** Encrypts like Akool, except that the text is not padded. */
function unpadded(text: string): string {
  const { clientId, clientSecret } = sealing();
  const iv = Buffer.alloc(16);
  Buffer.from(clientId).copy(iv);
  const key = Buffer.from(clientSecret);
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv).setAutoPadding(false);
  return Buffer.concat([cipher.update(text), cipher.final()]).toString('base64');
}

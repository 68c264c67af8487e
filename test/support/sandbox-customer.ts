/** A customer of the sandbox: calls it over HTTP, and receives its callbacks on a real port. */
import { createDecipheriv, createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { createSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/sandbox.js';
import { mistakesInAnswer } from './akool-schema.js';

export const PRO = '/api/open/v4/faceswap/faceswapByImage';
export const PLUS = '/api/open/v4/faceswap/faceswapPlusByImage';
export const RESULTS = '/api/open/v3/faceswap/result/listbyids';
export const DELETE = '/api/open/v3/faceswap/result/delbyids';
export const CREDIT = '/api/open/v3/faceswap/quota/info';
export const DETECT = '/interface/detect-api/detect_faces';
export const TOKEN = '/api/open/v3/getToken';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { code: number; msg: string; data: Record<string, unknown> };
}

export interface Heard {
  readonly body: { signature: string; dataEncrypt: string; timestamp: number; nonce: string };
  readonly signed: boolean;
  /** Undefined if it could not be read. */
  readonly payload: { _id: string; status: number; type: string; url: string } | undefined;
}

/** Short-lived jobs, so that a test sees them through to the end. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = createSandbox({
    queueMs: 5,
    processMs: 5,
    webhookRetryMs: 5,
    maxConcurrency: 100,
    ...options,
  });
  await sandbox.start();
  return sandbox;
}

/** Calls an endpoint of Akool and compares its JSON response with the OpenAPI files. */
export async function call(
  sandbox: Sandbox,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { 'x-api-key': sandbox.apiKey },
): Promise<Answer> {
  const response = await fetch(sandbox.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(5000),
  });
  const answer = (await response.json()) as Answer['body'];
  const plain = path.split('?')[0] ?? '';
  // Refusals with a status of their own (429, 500) are not described, but have the same form as the others.
  const described = plain === DETECT ? response.status : 200;
  if (plain !== TOKEN)
    expect(mistakesInAnswer(plain, body === undefined ? 'get' : 'post', described, answer)).toEqual([]);
  return { status: response.status, headers: response.headers, body: answer };
}

export function pro(sandbox: Sandbox, more: Record<string, unknown> = {}): Promise<Answer> {
  return call(sandbox, PRO, proBody(more));
}

export function proBody(more: Record<string, unknown> = {}, query = ''): Record<string, unknown> {
  return {
    sourceImage: [{ path: `https://example.com/new-face.jpg${query}` }],
    targetImage: [{ path: 'https://example.com/original.jpg' }],
    ...more,
  };
}

/** The id of an accepted submit. */
export function idOf(answer: Answer): string {
  expect(answer.body.code).toBe(1000);
  return String(answer.body.data['_id']);
}

export async function resultOf(sandbox: Sandbox, id: string): Promise<Record<string, unknown> | undefined> {
  const { body } = await call(sandbox, `${RESULTS}?_ids=${id}`);
  return (body.data['result'] as Record<string, unknown>[])[0];
}

/** Receives callbacks and responds as `answer` says, by default with 200. */
export class Listener {
  readonly heard: Heard[] = [];
  answer: (nth: number) => number = () => 200;
  readonly #server: Server;
  readonly #clientId: string;
  readonly #clientSecret: string;
  #waiting: { count: number; resolve: () => void }[] = [];

  private constructor(clientId: string, clientSecret: string) {
    this.#clientId = clientId;
    this.#clientSecret = clientSecret;
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.heard.push(this.#open(body));
        response.statusCode = this.answer(this.heard.length);
        response.end();
        this.#waiting = this.#waiting.filter(({ count, resolve }) => {
          if (this.heard.length >= count) resolve();
          return this.heard.length < count;
        });
      });
    });
  }

  static async start(
    { clientId, apiKey }: { clientId: string; apiKey: string },
    port = 0,
  ): Promise<Listener> {
    const listener = new Listener(clientId, apiKey);
    await new Promise<void>((resolve) => listener.#server.listen(port, '127.0.0.1', resolve));
    return listener;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  get statuses(): (number | undefined)[] {
    return this.heard.map(({ payload }) => payload?.status);
  }

  /** Resolves when this many callbacks have arrived. */
  count(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.heard.length >= count) resolve();
      else this.#waiting.push({ count, resolve });
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #open(text: string): Heard {
    const body = JSON.parse(text) as Heard['body'];
    const parts = [this.#clientId, String(body.timestamp), String(body.nonce), body.dataEncrypt].sort();
    const signed = createHash('sha1').update(parts.join('')).digest('hex') === body.signature;
    const key = Buffer.from(this.#clientSecret);
    const iv = Buffer.concat([Buffer.from(this.#clientId), Buffer.alloc(16)]).subarray(0, 16);
    try {
      const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, iv);
      const plain = Buffer.concat([decipher.update(body.dataEncrypt, 'base64'), decipher.final()]);
      return { body, signed, payload: JSON.parse(plain.toString('utf8')) };
    } catch {
      return { body, signed, payload: undefined };
    }
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let whole = '';
  for await (const part of request.setEncoding('utf8')) whole += part;
  return whole;
}

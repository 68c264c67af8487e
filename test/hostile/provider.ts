/**
 * Akool as the gateway sees it: the sandbox, except for submits whose URLs request an answer that it would
 * never give. Those are refused, with a text designed to hurt its reader.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';

const LONG = 100_000;
/** The longest answer that the gateway accepts from Akool. */
const LONGEST = 4_000_000;

/** Worst cases for regular expressions. */
export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  letters: 'a'.repeat(LONG),
  'many-letters': 'a'.repeat(LONGEST),
  schemes: 'a://'.repeat(LONG / 4),
  addresses: 'https://a@'.repeat(LONG / 10),
  'letters-and-colons': `${'a'.repeat(LONG)}:`,
  blanks: `${' '.repeat(LONGEST)}x`,
  controls: '\u0001\u200b'.repeat(LONG),
  entities: '&amp;'.repeat(LONG / 5),
};

/** Forms in which an answer may repeat the callback URL. */
export const REPEATED_ADDRESSES: Readonly<Record<string, (address: string) => string>> = {
  plain: (address) => `no answer from ${address}`,
  'a-path': (address) => `no answer from ${new URL(address).pathname}`,
  encoded: (address) => `no answer from ${encodeURIComponent(address)}`,
  'encoded-twice': (address) => `no answer from ${encodeURIComponent(encodeURIComponent(address))}`,
  'as-json': (address) => JSON.stringify({ webhookUrl: address }).replaceAll('/', '\\/'),
  'between-letters': (address) => `x${address}x`,
  'with-a-break': (address) => `${address.slice(0, -8)}\n${address.slice(-8)}`,
  'with-invisible-breaks': (address) => `${address.slice(0, -8)}\u200b${address.slice(-8)}`,
  'cut-short': (address) => address.slice(0, -2),
  'in-capitals': (address) => address.toUpperCase(),
};

/** A code that Akool documents: it fails the job with Akool's text. */
const REFUSED = 1009;

export class Provider {
  readonly #sandboxUrl: string;
  readonly #server: Server;
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

  constructor(sandboxUrl: string) {
    this.#sandboxUrl = sandboxUrl;
    this.#server = createServer((incoming, outgoing) => {
      this.#answer(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#agent.destroy();
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const text = hostileTextFor(body);
    if (text !== null) {
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(JSON.stringify({ code: REFUSED, msg: text, error_code: 1, error_msg: text }));
      return;
    }
    const { host: _, connection: __, ...headers } = incoming.headers;
    const answer = await request(`${this.#sandboxUrl}${incoming.url ?? '/'}`, {
      dispatcher: this.#agent,
      method: incoming.method === 'POST' ? 'POST' : 'GET',
      headers,
      body: body.length === 0 ? null : body,
    });
    outgoing.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) });
    answer.body.pipe(outgoing);
  }
}

/** Returns null if the sandbox is to answer. */
function hostileTextFor(body: Buffer): string | null {
  // The URLs that request such a text are short; most long bodies contain pictures.
  const start = body.toString('latin1', 0, 2000);
  const text = HOSTILE_TEXTS[/\/hostile-text\/([a-z-]+)/.exec(start)?.[1] ?? ''];
  if (text !== undefined) return text;
  const repeat = REPEATED_ADDRESSES[/\/repeated-address\/([a-z-]+)/.exec(start)?.[1] ?? ''];
  if (repeat === undefined) return null;
  const { webhookUrl } = JSON.parse(String(body)) as { webhookUrl?: string };
  return repeat(webhookUrl ?? '');
}

/**
 * Writes one event stream. Each event waits until the client has read the previous one, so that nothing accumulates; a
 * client that stops reading is cut off.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { onceOver } from './once-over.js';
import { unreadLimitMs } from './unread.js';

/** A comment that shows the client, and proxies in between, that the stream is alive. */
const PING = ':\n\n';
const PING_MS = 12_000;

export class EventWriter {
  readonly #response: ServerResponse;
  /** Resolves when the client is gone or was cut off. */
  readonly gone: Promise<void>;
  #isWaiting = false;
  /** Stops waiting for the client. */
  #goOn = (): void => {};

  constructor(request: Pick<FastifyRequest, 'raw'>, reply: Pick<FastifyReply, 'raw'>) {
    this.#response = reply.raw;
    this.gone = new Promise((resolve) => onceOver(request, reply, resolve));
    void this.gone.then(() => this.#goOn());
  }

  /** Whether the stream has ended or the client is gone. */
  get isOver(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** @param headers the headers that every answer has */
  begin(headers: Readonly<Record<string, string | number | string[] | undefined>>): void {
    const pings = setInterval(() => {
      if (!this.#isWaiting && !this.isOver) this.#response.write(PING);
    }, PING_MS);
    void this.gone.then(() => clearInterval(pings));
    for (const [name, value] of Object.entries(headers)) {
      // Node decides whether the connection is kept alive.
      if (value !== undefined && name !== 'connection') this.#response.setHeader(name, value);
    }
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'content-encoding': 'none',
      // Proxies must not buffer the stream.
      'x-accel-buffering': 'no',
    });
    // Some browsers report an open stream only after its first bytes.
    this.#response.write(PING);
  }

  /** Resolves when the client has read the event, except for what the system buffers, or is gone. */
  async write(data: string): Promise<void> {
    if (this.isOver) return;
    const text = `event: next\ndata: ${data}\n\n`;
    this.#isWaiting = true;
    const timer = setTimeout(() => this.#response.destroy(), unreadLimitMs(text.length));
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      this.#response.write(text, () => resolve());
    });
    clearTimeout(timer);
    this.#isWaiting = false;
  }

  /** Sends `complete`. Clients reconnect if a stream ends without it. */
  complete(): void {
    if (!this.isOver) this.#response.end('event: complete\ndata:\n\n');
  }

  end(): void {
    this.#response.end();
  }
}

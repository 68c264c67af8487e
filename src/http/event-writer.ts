/**
 * One event stream as it is written: an event is taken up only when the client has read the one before, so that
 * nothing piles up here, and a client that stops reading is cut.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { onceOver } from './once-over.js';
import { unreadLimitMs } from './unread.js';

/** A comment: it shows the client, and the proxies between, that the stream lives. */
const PING = ':\n\n';
const PING_MS = 12_000;

export class EventWriter {
  readonly #response: ServerResponse;
  /** Resolves when the client has gone, or was sent away. */
  readonly gone: Promise<void>;
  #isWaiting = false;
  /** Ends the wait for the client. */
  #goOn = (): void => {};

  constructor(request: Pick<FastifyRequest, 'raw'>, reply: Pick<FastifyReply, 'raw'>) {
    this.#response = reply.raw;
    this.gone = new Promise((resolve) => onceOver(request, reply, resolve));
    void this.gone.then(() => this.#goOn());
  }

  /** Nothing that is written is read any more. */
  get isOver(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** @param headers that every answer has */
  begin(headers: Readonly<Record<string, string | number | string[] | undefined>>): void {
    const pings = setInterval(() => {
      if (!this.#isWaiting && !this.isOver) this.#response.write(PING);
    }, PING_MS);
    void this.gone.then(() => clearInterval(pings));
    for (const [name, value] of Object.entries(headers)) {
      // Node knows whether the connection goes on.
      if (value !== undefined && name !== 'connection') this.#response.setHeader(name, value);
    }
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'content-encoding': 'none',
      // Proxies must not wait for more before they hand on what there is.
      'x-accel-buffering': 'no',
    });
    // Some browsers tell of a stream only when something of it has come.
    this.#response.write(PING);
  }

  /** Resolves when the client has read it, all but what lies with the system, or is gone. */
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

  /** Says that nothing more will come. A stream that ends without it makes clients come again. */
  complete(): void {
    if (!this.isOver) this.#response.end('event: complete\ndata:\n\n');
  }

  end(): void {
    this.#response.end();
  }
}

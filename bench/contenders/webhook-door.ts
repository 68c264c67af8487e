/**
 * Receives Akool's callbacks for all contenders but the gateway. It decodes them with the gateway's own
 * reader, so that only what happens afterwards is compared.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CallbackEvent, readCallback } from '../../src/services/akool/callback.js';
import { CLIENT_ID, CLIENT_SECRET } from '../keys.js';

export const WEBHOOKS = '/webhooks/akool/';

/** @param deliver returns false if the address is unknown */
export function takeWebhook(
  request: IncomingMessage,
  response: ServerResponse,
  deliver: (token: string, event: CallbackEvent) => boolean | Promise<boolean>,
): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', async () => {
    const read = readCallback(Buffer.concat(parts), { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
    const token = (request.url ?? '').slice(WEBHOOKS.length);
    const isTaken = read.kind === 'event' && (await deliver(token, read.event));
    answer(response, isTaken ? 200 : 400, '{"ok":true}');
  });
}

export function answer(response: ServerResponse, status: number, json: string): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) })
    .end(json);
}

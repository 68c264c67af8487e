/** How long a client may take to read what it is sent, before it is cut. */
import type { ServerResponse } from 'node:http';

const UNREAD_LIMIT_MS = 30_000;
/** The slowest pace that is waited for. */
const SLOWEST_BYTES_PER_MS = 128;
/** Less than that lies with the system, not with us. */
const SMALL_BYTES = 64 * 1024;

export function unreadLimitMs(bytes: number): number {
  return UNREAD_LIMIT_MS + bytes / SLOWEST_BYTES_PER_MS;
}

/** Cuts an answer that is about to be sent when it is not read in time. */
export function endIfUnread(response: ServerResponse, text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes < SMALL_BYTES) return;
  const timer = setTimeout(() => response.destroy(), unreadLimitMs(bytes));
  response.once('close', () => clearTimeout(timer));
}

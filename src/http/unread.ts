/** Cuts off clients that don't read their answers. */
import type { ServerResponse } from 'node:http';

const UNREAD_LIMIT_MS = 30_000;
/** The slowest accepted speed. */
const SLOWEST_BYTES_PER_MS = 128;
/** The system buffers smaller answers. */
const SMALL_BYTES = 64 * 1024;

export function unreadLimitMs(bytes: number): number {
  return UNREAD_LIMIT_MS + bytes / SLOWEST_BYTES_PER_MS;
}

/** Cuts the connection if the answer that is about to be sent is not read in time. */
export function endIfUnread(response: ServerResponse, text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes < SMALL_BYTES) return;
  const timer = setTimeout(() => response.destroy(), unreadLimitMs(bytes));
  response.once('close', () => clearTimeout(timer));
}

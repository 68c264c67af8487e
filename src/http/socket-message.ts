/**
 * Reads a WebSocket message and drops all members that the protocol does not know, because graphql-ws keeps a message
 * as long as its operation runs, which may be days.
 */
import { requestIn } from './operation-request.js';

/** Clients use a counter or a UUID. */
export const MAX_ID_CHARACTERS = 256;

interface Message {
  readonly type: unknown;
  readonly id: unknown;
  readonly payload: unknown;
}

/** Returns null if the text is not a message; graphql-ws checks whether clients may send it. */
export function messageIn(text: string): Message | null {
  const members = parsed(text);
  if (!isObject(members)) return null;
  const { type, id, payload } = members as Partial<Message>;
  return { type, id, payload: type === 'subscribe' && isObject(payload) ? requestIn(payload) : payload };
}

export function hasLongId(message: Message | null): boolean {
  return typeof message?.id === 'string' && message.id.length > MAX_ID_CHARACTERS;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

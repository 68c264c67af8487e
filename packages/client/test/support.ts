/** Clients of a test's gateway, closed at its end. */
import { WebSocket } from 'ws';
import { noise } from '../../../test/support/uploads.js';
import { createFaceSwap, type FaceSwap, type FaceSwapOptions, type SubmitStorage } from '../src/index.js';

const clients: FaceSwap[] = [];

/** Node 20 has no WebSocket. */
export function newClient(gatewayUrl: string, options: Partial<FaceSwapOptions> = {}): FaceSwap {
  const client = createFaceSwap({ url: `${gatewayUrl}/graphql`, webSocket: WebSocket, ...options });
  clients.push(client);
  return client;
}

export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

/** What localStorage is to a page. */
export function memoryStorage(): SubmitStorage & { readonly texts: () => readonly string[] } {
  const entries = new Map<string, string>();
  return {
    get length() {
      return entries.size;
    },
    key: (index) => [...entries.keys()][index] ?? null,
    getItem: (name) => entries.get(name) ?? null,
    setItem: (name, text) => void entries.set(name, text),
    removeItem: (name) => void entries.delete(name),
    texts: () => [...entries.values()],
  };
}

/** Two addresses that the gateway takes. */
export const ADDRESSES = {
  source: 'https://example.com/new-face.jpg',
  target: 'https://example.com/original.jpg',
} as const;

/** All that an iteration gives. */
export async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const found: Value[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** A picture of about this many bytes, as a page has it. */
export function picture(bytes: number): Blob {
  return new Blob([new Uint8Array(noise(bytes))], { type: 'image/png' });
}

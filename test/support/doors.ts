/** The three protocols for operations, each with a function that sends one. */
import { WebSocket } from 'ws';
import { type ClientError, openSocket } from './caller.js';

export type Door = 'http' | 'socket' | 'stream';
export const DOORS: readonly Door[] = ['http', 'socket', 'stream'];

export interface Request {
  readonly query?: string;
  readonly variables?: Record<string, unknown>;
  readonly operationName?: string;
  readonly documentId?: string;
  readonly extensions?: Record<string, unknown>;
}

/** The first response; the caller then disconnects. */
export interface Reply {
  /** The HTTP status; null over a socket. */
  readonly status: number | null;
  /** The code with which a socket was closed, or null. */
  readonly closed: number | null;
  readonly data: Record<string, unknown> | null;
  readonly errors: readonly ClientError[];
  /** The raw response, without what differs between any two responses. */
  readonly text: string;
  readonly headers: Headers;
}

export function knock(door: Door, url: string, request: Request, bearer: string | null): Promise<Reply> {
  return WAYS[door](url, request, bearer === null ? {} : { authorization: `Bearer ${bearer}` });
}

const WAYS: Record<Door, (url: string, request: Request, auth: Record<string, string>) => Promise<Reply>> = {
  http: async (url, request, auth) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...auth },
      body: JSON.stringify(request),
    });
    return toReply(response, await response.text());
  },
  stream: async (url, request, auth) => {
    const response = await fetch(`${url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...auth },
      body: JSON.stringify(request),
    });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
      return toReply(response, await response.text());
    }
    return toReply(response, await firstEvent(response));
  },
  socket: async (url, request, auth) => {
    const client = openSocket(url, { connectionParams: auth });
    try {
      const { query = '', ...rest } = request;
      const answers = client.iterate({ query, ...rest });
      const { value } = await answers.next();
      return { ...NOTHING, ...(value as object), text: JSON.stringify(value) };
    } catch (thrown) {
      if (Array.isArray(thrown)) return { ...NOTHING, errors: thrown, text: JSON.stringify(thrown) };
      const { code, reason } = thrown as { readonly code: number; readonly reason: string };
      return { ...NOTHING, closed: code, text: String(reason) };
    } finally {
      await client.dispose();
    }
  },
};

const NOTHING: Reply = {
  status: null,
  closed: null,
  data: null,
  errors: [],
  text: '',
  headers: new Headers(),
};

function toReply({ status, headers }: Response, text: string): Reply {
  const { data = null, errors = [] } = JSON.parse(text);
  return { ...NOTHING, status, data, errors, text, headers };
}

/** The data of the first event; does not wait for the rest. */
async function firstEvent(response: Response): Promise<string> {
  let text = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    // Check only near the new piece, since an event contains no empty line and may be long.
    if (!text.includes('\n\n', Math.max(0, text.length - piece.length - 1))) continue;
    const data = /^event: next\ndata: (.*)\n\n/m.exec(text)?.[1];
    if (data !== undefined) return data;
  }
  throw new Error(`No event in ${JSON.stringify(text)}`);
}

/** The outcome: the code of the error, or the code with which a socket was closed. */
export function outcomeOf({ closed, errors, data }: Reply): string {
  if (closed !== null) return String(closed);
  const [error] = errors;
  if (error !== undefined) return String(error.extensions?.code);
  return data !== null && Object.values(data).every((value) => value === null) ? 'null' : 'ok';
}

/** A bare WebSocket that speaks the protocol, for what well-behaved clients do not do. */
export async function bareSocket(
  url: string,
  protocol: string | null = 'graphql-transport-ws',
): Promise<BareSocket> {
  const protocols = protocol === null ? [] : [protocol];
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, protocols);
  const messages: Record<string, unknown>[] = [];
  let heard: (() => void)[] = [];
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)));
    for (const wake of heard.splice(0)) wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => {
      resolve({ code, reason: String(reason) });
      for (const wake of heard.splice(0)) wake();
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return {
    socket,
    closed,
    messages,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: async (type) => {
      for (;;) {
        const at = messages.findIndex((message) => message['type'] === type);
        const [found] = at === -1 ? [] : messages.splice(at, 1);
        if (found !== undefined) return found;
        if (socket.readyState === socket.CLOSED) throw new Error(`Closed without ${type}`);
        await new Promise<void>((resolve) => {
          heard = [...heard, resolve];
        });
      }
    },
  };
}

/** A bare socket that has authenticated and was accepted. */
export async function bareSocketOf(url: string, bearer: string): Promise<BareSocket> {
  const bare = await bareSocket(url);
  bare.say({ type: 'connection_init', payload: { authorization: `Bearer ${bearer}` } });
  await bare.next('connection_ack');
  return bare;
}

export interface BareSocket {
  readonly socket: WebSocket;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly messages: readonly Record<string, unknown>[];
  say(message: unknown): void;
  /** The next message of this type. */
  next(type: string): Promise<Record<string, unknown>>;
}

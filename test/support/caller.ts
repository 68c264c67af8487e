/** A plain caller of the gateway: fetch for HTTP, graphql-ws for sockets. */
import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import {
  JOB,
  JOB_UPDATED,
  type Operation,
  type SeenJob,
  SUBMIT,
  type SubmitInput,
  textOf,
} from './operations.js';

export interface ClientError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: {
    readonly code?: string;
    readonly reference?: string;
    readonly outcome?: 'UNKNOWN';
    readonly jobId?: string;
    readonly jobIds?: readonly string[];
    readonly fieldErrors?: readonly FieldError[];
  };
}

export interface FieldError {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface Answer<Data> {
  readonly status: number;
  readonly body: { readonly data?: Data | null; readonly errors?: readonly ClientError[] };
  readonly text: string;
}

/** POSTs an operation, and returns the response whatever its status. */
export async function ask<Data, Variables>(
  url: string,
  operation: Operation<Data, Variables> | string,
  variables?: Variables,
): Promise<Answer<Data>> {
  const query = typeof operation === 'string' ? operation : textOf(operation);
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text), text };
}

/** The data of a response without errors. */
export async function dataOf<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  const { body, status } = await answer;
  expect(body.errors).toBeUndefined();
  expect(status).toBe(200);
  if (body.data == null) throw new Error('The answer has no data');
  return body.data;
}

/** The only error of a response without data. */
export async function errorOf(answer: Promise<Answer<unknown>>): Promise<ClientError> {
  const { body } = await answer;
  expect(body.data ?? null).toBeNull();
  expect(body.errors).toHaveLength(1);
  const [error] = body.errors ?? [];
  if (error === undefined) throw new Error('The answer has no error');
  return error;
}

/** The smallest valid input: one image on each side. */
export function oneFace(more: Partial<SubmitInput> = {}, query = ''): SubmitInput {
  return {
    sourceImage: [{ path: `https://example.com/new-face.jpg${query}` }],
    targetImage: [{ path: 'https://example.com/original.jpg' }],
    ...more,
  };
}

export async function submit(url: string, input: SubmitInput = oneFace()): Promise<SeenJob> {
  const { submitFaceSwap } = await dataOf(ask(url, SUBMIT, { input }));
  return submitFaceSwap.job;
}

export async function lookUp(url: string, id: string): Promise<SeenJob> {
  const { job } = await dataOf(ask(url, JOB, { id }));
  if (job === null) throw new Error(`There is no job ${id}`);
  return job;
}

/** A new socket; open until it is disposed of. */
export function openSocket(url: string, options: Partial<ClientOptions> = {}): Client {
  return createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...options,
  });
}

export interface SocketAnswer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly ClientError[];
}

/** All results of an operation over a socket, one at a time. */
export function run<Data, Variables extends Record<string, unknown>>(
  socket: Client,
  operation: Operation<Data, Variables> | string,
  variables?: Variables,
): AsyncIterableIterator<SocketAnswer<Data>> {
  const query = typeof operation === 'string' ? operation : textOf(operation);
  const answers = socket.iterate<Data>({ query, ...(variables && { variables }) });
  return answers as AsyncIterableIterator<SocketAnswer<Data>>;
}

/** The states of a job that `jobUpdated` delivers, up to its end. */
export async function follow(url: string, id: string, afterVersion?: number): Promise<SeenJob[]> {
  const socket = openSocket(url);
  try {
    const seen: SeenJob[] = [];
    const variables = { id, ...(afterVersion !== undefined && { afterVersion }) };
    for await (const { data, errors } of run(socket, JOB_UPDATED, variables)) {
      expect(errors).toBeUndefined();
      if (data) seen.push(data.jobUpdated);
    }
    return seen;
  } finally {
    await socket.dispose();
  }
}

/** 1, 2, 3, … */
export function upTo(count: number, from = 1): number[] {
  return Array.from({ length: count - from + 1 }, (_, i) => from + i);
}

/**
 * What every follower of a job may rely on: states in order and without gaps, each matching the history, and
 * a final state.
 */
export function expectWholeLife(told: readonly SeenJob[], end: SeenJob): void {
  const seen = told.map(bare);
  const last = bare(end);
  const [first] = seen;
  if (first === undefined) throw new Error('Nothing was seen');
  expect(seen.map(({ version }) => version)).toEqual(upTo(last.version, first.version));
  expect(new Set(seen.map(({ id }) => id))).toEqual(new Set([last.id]));
  expect(last.history.map(({ version }) => version)).toEqual(upTo(last.version));
  for (const state of seen) {
    expect(state.status).toBe(last.history[state.version - 1]?.status);
    // A state's history must not include later states, however late it was read.
    expect(state.history).toEqual(last.history.slice(0, state.version));
  }
  expect(seen.at(-1)).toEqual(last);
  expect(last.finishedAt).not.toBeNull();
}

/** Removes the `__typename`s that caching clients request. */
function bare(job: SeenJob): SeenJob {
  return JSON.parse(JSON.stringify(job, (key, value: unknown) => (key === '__typename' ? undefined : value)));
}

/**
 * The floor: everything that can be left out is. Node's own HTTP server, `ws`, undici and the SQLite driver;
 * responses are built with `JSON.stringify`; no GraphQL. With a database, each write is a separate commit.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { CallbackEvent } from '../../src/services/akool/callback.js';
import { newJobId } from '../../src/services/jobs/new-ids.js';
import { PAGE_SIZE } from '../operations.js';
import { openJob, type SampleJob } from '../sample-jobs.js';
import { akoolAt, type SubmitInput } from './akool.js';
import { FloorTable } from './floor-table.js';
import { JobMap } from './job-map.js';
import { readSettings } from './settings.js';
import { answer, takeWebhook, WEBHOOKS } from './webhook-door.js';

const settings = readSettings();
const jobs = new JobMap(settings);
const table = settings.database === '' ? null : new FloorTable(settings.database);
const submitToAkool = akoolAt(settings.akoolUrl);
/** Keyed by the id of the job that they follow. */
const followers = new Map<string, readonly WebSocket[]>();

interface Asked {
  readonly query: string;
  readonly variables: { readonly id?: string; readonly input?: SubmitInput };
}

const httpServer = createServer((request, response) => {
  const { url = '' } = request;
  if (url === '/readyz') return answer(response, 200, '{}');
  if (url.startsWith(WEBHOOKS)) return takeWebhook(request, response, deliver);
  readBody(request, (text) => {
    const { query, variables } = JSON.parse(text) as Asked;
    if (variables.input !== undefined) void submit(variables.input, response);
    else answer(response, 200, JSON.stringify({ data: read(query, variables.id ?? '') }));
  });
});

function read(query: string, id: string): object {
  if (query.startsWith('query Jobs')) {
    const { edges, pageInfo } = jobs.page(PAGE_SIZE);
    return {
      jobs: {
        edges: edges.map(({ node }) => ({ node: inPage(node) })),
        pageInfo: { hasNextPage: pageInfo.hasNextPage, endCursor: pageInfo.endCursor },
      },
    };
  }
  const job = jobs.find(id);
  return { job: job === null ? null : alone(job) };
}

/** Calls Akool, stores its answer and returns it: one call, one insert. */
async function submit(input: SubmitInput, response: ServerResponse): Promise<void> {
  const id = newJobId(Date.now());
  const taken = await submitToAkool(input, `http://127.0.0.1:${settings.port}${WEBHOOKS}${id}`);
  table?.insert({ ...openJob(0), ...taken, id, callbackToken: id, status: 'QUEUED' });
  const job = { id, status: 'QUEUED', version: 3, providerId: taken.providerId, error: null };
  answer(response, 200, JSON.stringify({ data: { submitFaceSwap: { job, deduplicated: false } } }));
}

function deliver(token: string, event: CallbackEvent): boolean {
  if (table !== null) return table.update(token, event);
  const job = jobs.deliver(token, event);
  if (job === null) return false;
  const all = followers.get(job.id);
  if (all !== undefined) {
    const { id, status, version, updatedAt, result, error } = job;
    const jobUpdated = {
      id,
      status,
      version,
      updatedAt: new Date(updatedAt).toISOString(),
      result: result === null ? null : { url: result.url },
      error,
    };
    const text = JSON.stringify({ id: '1', type: 'next', payload: { data: { jobUpdated } } });
    for (const follower of all) follower.send(text);
  }
  return true;
}

new WebSocketServer({ server: httpServer, path: '/graphql' }).on('connection', (socket) => {
  let followed = '';
  socket.on('message', (data) => {
    leave(followed, socket);
    followed = String(data);
    followers.set(followed, [...(followers.get(followed) ?? []), socket]);
  });
  socket.on('close', () => leave(followed, socket));
});

function leave(id: string, socket: WebSocket): void {
  const others = (followers.get(id) ?? []).filter((one) => one !== socket);
  if (others.length > 0) followers.set(id, others);
  else followers.delete(id);
}

httpServer.listen(settings.port, '127.0.0.1');

function alone(job: SampleJob): object {
  const { id, status, version, createdAt, updatedAt, finishedAt, providerId, result, error } = job;
  return {
    id,
    status,
    version,
    createdAt: textOf(createdAt),
    updatedAt: textOf(updatedAt),
    finishedAt: textOf(finishedAt),
    providerId,
    result:
      result === null
        ? null
        : {
            url: result.url,
            providerUrl: result.providerUrl,
            providerUrlExpiresAt: textOf(result.providerUrlExpiresAt),
            archived: result.archived,
          },
    error,
    sourceImage: job.sourceImage,
    targetImage: job.targetImage,
    modelName: job.modelName,
    faceEnhance: job.faceEnhance,
    singleFaceMode: job.singleFaceMode,
  };
}

function inPage({ id, status, version, createdAt, updatedAt, finishedAt, result, error }: SampleJob): object {
  return {
    id,
    status,
    version,
    createdAt: textOf(createdAt),
    updatedAt: textOf(updatedAt),
    finishedAt: textOf(finishedAt),
    result: result === null ? null : { url: result.url },
    error,
  };
}

function textOf(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

function readBody(request: IncomingMessage, take: (text: string) => void): void {
  let text = '';
  request.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => take(text));
}

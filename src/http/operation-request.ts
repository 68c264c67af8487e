/**
 * What a request over HTTP asks for: read once and one way, so that what is checked is what is executed.
 *
 * Two readers of one query string can disagree (about bytes that are not UTF-8, say), and then one document
 * would be checked and another one run.
 */
import type { FastifyRequest } from 'fastify';

/** The members of the JSON body, or of the query string; of whatever types they may be. */
export interface OperationRequest {
  query?: unknown;
  documentId?: unknown;
  operationName?: unknown;
  variables?: unknown;
  extensions?: unknown;
}

const NAMES = ['query', 'documentId', 'operationName', 'variables', 'extensions'] as const;
/** In a query string these are JSON. */
const JSON_NAMES: ReadonlySet<string> = new Set(['variables', 'extensions']);

/** GraphQL over HTTP, section 5: an empty text in one of these is the same as none. */
const ABSENT_WHEN_EMPTY = ['documentId', 'operationName', 'variables', 'extensions'] as const;

/** An empty object for what is no request at all, like a batch. */
export function operationRequestOf(request: FastifyRequest): OperationRequest {
  return request.method === 'GET' ? fromSearch(searchOf(request)) : fromBody(request.body);
}

/** The query string, as Apollo Server reads it. The host is anything: requests may come with none. */
export function searchOf({ url }: FastifyRequest): string {
  const at = url.indexOf('?');
  const parsed = new URL(`http://localhost/${at === -1 ? '' : url.slice(at)}`);
  for (const name of ABSENT_WHEN_EMPTY) {
    const values = parsed.searchParams.getAll(name);
    if (values.length === 1 && values[0] === '') parsed.searchParams.delete(name);
  }
  return parsed.search;
}

/** The same request without what says nothing. */
function withoutEmpty<Request extends object>(request: Request): Request {
  const isEmpty = ([name, value]: [string, unknown]): boolean =>
    value === '' && ABSENT_WHEN_EMPTY.some((one) => one === name);
  const members = Object.entries(request);
  return members.some(isEmpty)
    ? (Object.fromEntries(members.filter((one) => !isEmpty(one))) as Request)
    : request;
}

/** What of an object is a request; whatever else came with it is dropped. */
export function requestIn(members: object): OperationRequest {
  const known = NAMES.map((name) => [name, Reflect.get(members, name)] as const);
  return withoutEmpty(Object.fromEntries(known.filter(([, value]) => value !== undefined)));
}

/** The query string that says this. */
export function toSearch(request: OperationRequest): string {
  const search = new URLSearchParams();
  for (const name of NAMES) {
    const value = request[name];
    if (value !== undefined) search.set(name, JSON_NAMES.has(name) ? JSON.stringify(value) : String(value));
  }
  return `?${search}`;
}

function fromBody(body: unknown): OperationRequest {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? withoutEmpty({ ...body }) : {};
}

function fromSearch(search: string): OperationRequest {
  const all = new URLSearchParams(search);
  const request: OperationRequest = {};
  for (const name of NAMES) {
    const values = all.getAll(name);
    const [value] = values;
    // What is said twice is refused by whoever executes, and means nothing here.
    if (value === undefined || values.length > 1) continue;
    request[name] = JSON_NAMES.has(name) ? parsed(value) : value;
  }
  return request;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/**
 * Reads the operation from an HTTP request, once and in one way, so that what is checked is what is executed.
 *
 * Two parsers of the same query string may disagree, for example about bytes that are not UTF-8. Then one document
 * would be checked and another executed.
 */
import type { FastifyRequest } from 'fastify';

/** The members of the JSON body or of the query string, unchecked. */
export interface OperationRequest {
  query?: unknown;
  documentId?: unknown;
  operationName?: unknown;
  variables?: unknown;
  extensions?: unknown;
}

const NAMES = ['query', 'documentId', 'operationName', 'variables', 'extensions'] as const;
/** These are JSON in a query string. */
const JSON_NAMES: ReadonlySet<string> = new Set(['variables', 'extensions']);

/** GraphQL over HTTP, section 5: for these, an empty text is the same as none. */
const ABSENT_WHEN_EMPTY = ['documentId', 'operationName', 'variables', 'extensions'] as const;

/** Returns an empty object for anything that is not a request, like a batch. */
export function operationRequestOf(request: FastifyRequest): OperationRequest {
  return request.method === 'GET' ? fromSearch(searchOf(request)) : fromBody(request.body);
}

/** Returns the query string as Apollo Server reads it. The host does not matter, and may be missing. */
export function searchOf({ url }: FastifyRequest): string {
  const at = url.indexOf('?');
  const parsed = new URL(`http://localhost/${at === -1 ? '' : url.slice(at)}`);
  for (const name of ABSENT_WHEN_EMPTY) {
    const values = parsed.searchParams.getAll(name);
    if (values.length === 1 && values[0] === '') parsed.searchParams.delete(name);
  }
  return parsed.search;
}

/** Removes members that are empty. */
function withoutEmpty<Request extends object>(request: Request): Request {
  const isEmpty = ([name, value]: [string, unknown]): boolean =>
    value === '' && ABSENT_WHEN_EMPTY.some((one) => one === name);
  const members = Object.entries(request);
  return members.some(isEmpty)
    ? (Object.fromEntries(members.filter((one) => !isEmpty(one))) as Request)
    : request;
}

/** Returns the members of a request; drops all others. */
export function requestIn(members: object): OperationRequest {
  const known = NAMES.map((name) => [name, Reflect.get(members, name)] as const);
  return withoutEmpty(Object.fromEntries(known.filter(([, value]) => value !== undefined)));
}

/** Returns the request as a query string. */
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
    // Apollo Server refuses repeated parameters, so they are ignored here.
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

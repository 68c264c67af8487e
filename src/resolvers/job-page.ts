/** The arguments and the answer of a Relay connection, to and from the store's pages. */
import { type FieldError, InputError } from '../errors.js';
import type { JobConnectionType } from '../schema/job-connection.type.js';
import { type MediaUrl, toJobNode } from '../schema/job-node.js';
import type { JobPlace, Page, PageRequest } from '../services/store/job-store.js';

const DEFAULT_SIZE = 20;
const LARGEST_SIZE = 100;

interface PageArguments {
  readonly first: number | null | undefined;
  readonly after: string | null | undefined;
  readonly last: number | null | undefined;
  readonly before: string | null | undefined;
}

/** @throws InputError */
export function toPageRequest({ first, after, last, before }: PageArguments): PageRequest {
  const errors: FieldError[] = [];
  const check = (path: string, size: number | null | undefined): void => {
    if (size != null && (size < 1 || size > LARGEST_SIZE)) {
      errors.push({ path, code: 'PAGE_SIZE_INVALID', message: `must be from 1 to ${LARGEST_SIZE}` });
    }
  };
  check('first', first);
  check('last', last);
  if (first != null && last != null) {
    errors.push({ path: 'last', code: 'PAGE_AMBIGUOUS', message: 'give either first or last, not both' });
  }
  const place = (path: string, cursor: string | null | undefined): JobPlace | undefined => {
    if (cursor == null) return undefined;
    const found = fromCursor(cursor);
    if (found === null) {
      errors.push({ path, code: 'CURSOR_INVALID', message: 'must be a cursor that this query gave' });
    }
    return found ?? undefined;
  };
  const afterPlace = place('after', after);
  const beforePlace = place('before', before);
  if (errors.length > 0) throw new InputError(errors);
  return {
    limit: first ?? last ?? DEFAULT_SIZE,
    direction: last != null ? 'backward' : 'forward',
    ...(afterPlace && { after: afterPlace }),
    ...(beforePlace && { before: beforePlace }),
  };
}

export function toConnection(page: Page, mediaUrl: MediaUrl): JobConnectionType {
  const edges = page.jobs.map((job) => ({ cursor: toCursor(job), node: toJobNode(job, mediaUrl) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function toCursor({ createdAt, sequence }: JobPlace): string {
  return Buffer.from(`${createdAt}.${sequence}`).toString('base64url');
}

function fromCursor(cursor: string): JobPlace | null {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString());
  return match === null ? null : { createdAt: Number(match[1]), sequence: Number(match[2]) };
}

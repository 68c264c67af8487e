/** Converts the arguments of a Relay connection to a request for a page, and the page to a connection. */
import { type FieldError, InputError } from '../errors.js';
import type { PageInfoType } from '../schema/page-info.type.js';
import { type JobPlace, MAX_PAGE_SIZE, type PageRequest } from '../services/jobs/job-store.js';
import type { Cursors } from './cursors.js';

const DEFAULT_SIZE = 20;

interface PageArguments {
  readonly first: number | null | undefined;
  readonly after: string | null | undefined;
  readonly last: number | null | undefined;
  readonly before: string | null | undefined;
}

/** @throws InputError */
export function toPageRequest({ first, after, last, before }: PageArguments, cursors: Cursors): PageRequest {
  const errors: FieldError[] = [];
  const check = (path: string, size: number | null | undefined): void => {
    if (size != null && (size < 1 || size > MAX_PAGE_SIZE)) {
      errors.push({ path, code: 'PAGE_SIZE_INVALID', message: `must be from 1 to ${MAX_PAGE_SIZE}` });
    }
  };
  check('first', first);
  check('last', last);
  if (first != null && last != null) {
    errors.push({ path: 'last', code: 'PAGE_AMBIGUOUS', message: 'give either first or last, not both' });
  }
  const place = (path: string, cursor: string | null | undefined): JobPlace | undefined => {
    if (cursor == null) return undefined;
    const found = cursors.open(cursor);
    if (found === null) {
      errors.push({
        path,
        code: 'CURSOR_INVALID',
        message: 'must be a cursor from this query; start again without it',
      });
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

/** A page of a Relay connection. */
interface Connection<Node> {
  readonly edges: { readonly cursor: string; readonly node: Node }[];
  readonly pageInfo: PageInfoType;
}

export function toConnection<Item extends JobPlace, Node>(
  items: readonly Item[],
  { hasNextPage, hasPreviousPage }: Pick<PageInfoType, 'hasNextPage' | 'hasPreviousPage'>,
  cursors: Cursors,
  toNode: (item: Item) => Node,
): Connection<Node> {
  const cursorOf = (item: Item | undefined): string | null =>
    item === undefined ? null : cursors.seal(item);
  return {
    edges: items.map((item) => ({
      // Computed only when selected: most queries select no cursors.
      get cursor() {
        return cursors.seal(item);
      },
      node: toNode(item),
    })),
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: cursorOf(items[0]),
      endCursor: cursorOf(items.at(-1)),
    },
  };
}

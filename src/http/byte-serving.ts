/**
 * Which bytes of a thing a request gets: preconditions and ranges, in the order of RFC 9110, section 13.2.2.
 *
 * Several ranges at once are answered with the whole thing, which section 14.2 allows.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** The thing asked for. */
export interface Representation {
  readonly byteSize: number;
  /** In its quotes. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** 304: the client has it already; 412: it is not what the client wants to go on with; 416: no such range. */
export type Selection =
  | { readonly status: 200 | 304 | 412 | 416 }
  /** Both ends belong to it. */
  | { readonly status: 206; readonly range: { readonly first: number; readonly last: number } };

export function selectionOf(method: string, headers: IncomingHttpHeaders, thing: Representation): Selection {
  const ifMatch = headers['if-match'];
  const isWanted =
    ifMatch === undefined
      ? !isAfter(thing.modifiedAt, headers['if-unmodified-since'])
      : names(ifMatch, thing.etag, isSame);
  if (!isWanted) return { status: 412 };

  const ifNoneMatch = headers['if-none-match'];
  const isKnown =
    ifNoneMatch === undefined
      ? isAfter(thing.modifiedAt, headers['if-modified-since']) === false
      : names(ifNoneMatch, thing.etag, isLike);
  if (isKnown) return { status: 304 };

  // Only GET has ranges (section 14.2).
  const range = method === 'GET' && isToBeResumed(headers['if-range'], thing) ? headers.range : undefined;
  return range === undefined ? { status: 200 } : rangeOf(range, thing.byteSize);
}

/** Null when `date` is none: such a precondition is ignored. A header has no fractions of a second. */
function isAfter(moment: Date, date: string | undefined): boolean | null {
  const then = Date.parse(date ?? '');
  return Number.isNaN(then) ? null : Math.floor(moment.getTime() / 1000) * 1000 > then;
}

/** Section 13.1.5: a part is of use only to whoever has the rest of this very thing. */
function isToBeResumed(ifRange: string | readonly string[] | undefined, thing: Representation): boolean {
  if (ifRange === undefined) return true;
  const validator = String(ifRange);
  return validator.includes('"')
    ? isSame(validator.trim(), thing.etag)
    : isAfter(thing.modifiedAt, validator) === false;
}

type Comparison = (a: string, b: string) => boolean;

function names(list: string, etag: string, matches: Comparison): boolean {
  return list.split(',').some((one) => one.trim() === '*' || matches(one.trim(), etag));
}

/** Section 8.8.3.2, the strong comparison: a weak validator is like nothing. */
function isSame(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/');
}

function isLike(a: string, b: string): boolean {
  return a.replace(/^W\//, '') === b.replace(/^W\//, '');
}

/** Section 14.1.2. What is not one range of bytes is ignored. */
function rangeOf(header: string, size: number): Selection {
  // Nothing in it may match in two ways: a header is up to 16 KB of whatever a client likes.
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/i.exec(header) ?? [];
  if (from === '' && to === '') return { status: 200 };
  if (from === '') {
    const first = Math.max(0, size - Number(to));
    return first < size ? { status: 206, range: { first, last: size - 1 } } : { status: 416 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return { status: 200 };
  if (first >= size) return { status: 416 };
  return { status: 206, range: { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) } };
}

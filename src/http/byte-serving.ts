/**
 * Decides which bytes of a resource a request gets: preconditions and ranges, in the order of RFC 9110, section 13.2.2.
 *
 * A request for several ranges gets the whole resource, which section 14.2 allows.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** The requested resource. */
interface Representation {
  readonly byteSize: number;
  /** Including its quotes. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** 304: the client already has it; 412: a precondition failed; 416: no such range. */
type Selection =
  | { readonly status: 200 | 304 | 412 | 416 }
  /** Inclusive at both ends. */
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

/** Returns null if `date` is not a date: then the precondition is ignored. Headers have no fractions of a second. */
function isAfter(moment: Date, date: string | undefined): boolean | null {
  const then = Date.parse(date ?? '');
  return Number.isNaN(then) ? null : Math.floor(moment.getTime() / 1000) * 1000 > then;
}

/** Section 13.1.5: a range is only useful to a client that has the rest of the same version. */
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

/** Section 8.8.3.2, strong comparison: a weak validator never matches. */
function isSame(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/');
}

function isLike(a: string, b: string): boolean {
  return a.replace(/^W\//, '') === b.replace(/^W\//, '');
}

/** Section 14.1.2. Anything but a single range of bytes is ignored. */
function rangeOf(header: string, size: number): Selection {
  // The pattern must not be ambiguous, because a header may have 16 KB of arbitrary text.
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

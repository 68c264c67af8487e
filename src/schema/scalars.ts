/** The scalars of the schema. */
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { LRUCache } from 'lru-cache';

/** Times whose text is kept; one takes some 150 bytes. */
const MAX_KEPT_TIMES = 10_000;

/**
 * An absolute `http:` or `https:` URL.
 *
 * As input it accepts any string. A rule of the field checks the URL, so that all broken rules of a request
 * are reported together and by name (`URL_INVALID`); an error in the scalar would prevent that.
 */
export const UrlScalar = new GraphQLScalarType<string, string>({
  name: 'URL',
  description: 'An absolute `http:` or `https:` URL.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: text,
  parseValue: text,
  parseLiteral: (node) => {
    if (node.kind === Kind.STRING) return node.value;
    throw new GraphQLError('URL must be a string.', { nodes: node });
  },
});

/**
 * A JSON object.
 *
 * As input it accepts any JSON value, and any literal, in which enum values become strings: as with URLs, a rule of the
 * field checks that it is an object. graphql-scalars' scalar of this name quotes what it refuses, and drops enum values.
 */
export const JsonObjectScalar = new GraphQLScalarType<unknown, unknown>({
  name: 'JSONObject',
  description: 'A JSON object.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
});

/** A page has hundreds of times, is read again and again, and `toISOString` takes ten times as long as a look here. */
const textOfTime = new LRUCache<number, string>({
  max: MAX_KEPT_TIMES,
  memoMethod: (at) => new Date(at).toISOString(),
});

/** Milliseconds since 1970 inside the gateway, text outside. */
export const DateTimeScalar = new GraphQLScalarType<number, string>({
  name: 'DateTime',
  description: 'A point in time, as ISO 8601 text in UTC, like `2026-01-31T23:59:59.999Z`.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (value) => {
    if (typeof value !== 'number') throw new GraphQLError('DateTime needs milliseconds since 1970.');
    return textOfTime.memo(value);
  },
  parseValue: moment,
  parseLiteral: (node) => moment(node.kind === Kind.STRING ? node.value : undefined),
});

function text(value: unknown): string {
  if (typeof value !== 'string') throw new GraphQLError('URL must be a string.');
  return value;
}

/** RFC 3339 "date-time", section 5.6: the zone is required. */
const DATE_TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

function moment(value: unknown): number {
  const date = typeof value === 'string' ? DATE_TIME.exec(value)?.[1] : undefined;
  const at = date !== undefined && isDay(date) ? Date.parse(String(value)) : Number.NaN;
  if (Number.isNaN(at)) {
    throw new GraphQLError('DateTime must be ISO 8601 with a zone, like 2026-01-31T23:59:59Z.');
  }
  return at;
}

/** `Date` parses 30 February as 2 March. */
function isDay(date: string): boolean {
  const at = Date.parse(date);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date);
}

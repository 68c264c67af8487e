/** The media type of an answer at `/graphql`: the one of ours that the client likes best. */
import { LRUCache } from 'lru-cache';
import Negotiator from 'negotiator';

export const EVENT_STREAM = 'text/event-stream';
/** GraphQL over HTTP, section 4.2. */
const JSON_TYPE = 'application/json; charset=utf-8';
const TYPES = [JSON_TYPE, 'application/graphql-response+json; charset=utf-8', EVENT_STREAM];

/** By `Accept`, because clients send the same few values, and reading one takes 5 % of a `job` query. */
const types = new LRUCache<string, string>({
  max: 100,
  memoMethod: (accept) => new Negotiator({ headers: { accept } }).mediaType(TYPES) ?? '',
});

/** Returns an empty text if the client accepts none. */
export function acceptedType(accept = ''): string {
  return accept === '' ? JSON_TYPE : types.memo(accept);
}

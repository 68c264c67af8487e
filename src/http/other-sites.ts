/**
 * CSRF protection for GET at all GraphQL endpoints: pages of other sites must not run queries in a visitor's browser. A
 * POST is protected by its content type, which a page can't set without a preflight request.
 *
 * A GET needs one of these, as Apollo Server's CSRF prevention requires:
 * - a header that pages of other sites can't set unless CORS allows it;
 * - or an `Accept` with one of GraphQL's types, which links, pictures and forms never send, from a client that is not
 *   a page of another site. urql and EventSource send queries this way. `Accept` alone proves nothing, because `fetch`
 *   sets it for any page without a preflight; so the headers that only the browser itself can set decide: `Origin`,
 *   which CORS must allow, and `Sec-Fetch-Site`. Clients other than browsers send neither.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { onRequestHookHandler } from 'fastify';
import { sendRefusal } from './http-errors.js';
import { REFUSALS } from './refusals.js';

/** Not CORS-safelisted (https://fetch.spec.whatwg.org/#cors-safelisted-request-header), so they need a preflight. */
const ASKED_FOR_FIRST = ['apollo-require-preflight', 'x-apollo-operation-name'] as const;
const TYPE_OF_GRAPHQL = /\b(?:application\/(?:graphql-response\+)?json|text\/event-stream)\b/i;

/** @param mayCall whether pages of this origin may call */
export function refuseOtherSites(mayCall: (origin: string) => boolean): onRequestHookHandler {
  return ({ method, headers }, reply, done) => {
    if (method === 'POST' || wasAskedFor(headers) || (isForGraphql(headers) && isFrom(headers, mayCall)))
      done();
    else sendRefusal(reply, ...REFUSALS.OTHER_SITE);
  };
}

/** Whether a browser had to ask first (CORS) to send this. */
export function wasAskedFor(headers: IncomingHttpHeaders): boolean {
  return (
    ASKED_FOR_FIRST.some((name) => headers[name]) ||
    // Browsers add passwords by themselves, but tokens only if CORS allows the page to.
    /^Bearer /i.test(headers.authorization ?? '') ||
    /^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')
  );
}

export function isForGraphql({ accept = '' }: IncomingHttpHeaders): boolean {
  return TYPE_OF_GRAPHQL.test(accept);
}

/** Whether it is from no page at all, from one of our own, or from one that may call. */
function isFrom(
  { origin, 'sec-fetch-site': site }: IncomingHttpHeaders,
  mayCall: (origin: string) => boolean,
): boolean {
  if (site === 'same-origin') return true;
  if (origin !== undefined) return mayCall(origin);
  return site === undefined || site === 'none';
}

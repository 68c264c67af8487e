/**
 * A follow token in the query of an event stream, `?access_token=…` (RFC 6750, section 2.3), because a browser's
 * EventSource can't send `Authorization`. Addresses get into histories and into the logs of proxies, so nothing that
 * may do more than follow one job is taken from there.
 */
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { GatewayError } from '../errors.js';
import { isFollowToken } from '../services/auth/follow-tokens.js';
import { acceptedType, EVENT_STREAM } from './accepted-type.js';
import { STREAM_PATH } from './event-stream.js';
import { sendRefusal } from './http-errors.js';
import { searchOf } from './operation-request.js';
import { REFUSALS } from './refusals.js';

/**
 * Makes the token the request's `Authorization`. Call it after the CSRF protection, to which the header proves that
 * the browser has asked first.
 */
export const takeQueryToken: onRequestHookHandler = (request, reply, done) => {
  const [token, ...others] = tokensOf(request);
  const { headers } = request;
  if (token === undefined) done();
  else if (others.length > 0 || headers.authorization !== undefined)
    sendRefusal(reply, ...REFUSALS.CREDENTIALS_TWICE);
  else if (!isForEvents(request)) sendRefusal(reply, ...REFUSALS.TOKEN_IN_QUERY);
  else if (!isFollowToken(token)) done(notThere());
  else {
    headers.authorization = `Bearer ${token}`;
    done();
  }
};

function tokensOf(request: FastifyRequest): readonly string[] {
  return request.url.includes('?') ? new URLSearchParams(searchOf(request)).getAll('access_token') : [];
}

function isForEvents({ routeOptions, headers }: FastifyRequest): boolean {
  return routeOptions.url === STREAM_PATH || acceptedType(headers.accept) === EVENT_STREAM;
}

function notThere(): GatewayError {
  return new GatewayError(
    'UNAUTHENTICATED',
    'access_token takes only a follow token: send an API key or a JWT as Authorization: Bearer ….',
  );
}

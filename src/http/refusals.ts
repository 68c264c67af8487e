/** The requests over HTTP that are refused before GraphQL sees them, with their status and what to do. */
import { EVENT_STREAM } from './accepted-type.js';

export type Refusal = readonly [status: number, message: string];

export const REFUSALS = {
  EMPTY_BODY: [400, 'The body holds no query: send {"query": "{ … }"} as application/json.'],
  NOT_JSON: [400, 'The body is not valid JSON.'],
  MEMBER_NAME: [400, 'The body has a member that is named __proto__, or constructor with a prototype in it.'],
  NOT_AN_OBJECT: [400, 'The body must be a JSON object, like {"query": "{ … }"}.'],
  OTHER_SITE: [
    400,
    'Refused, because a page of another site could send this (CSRF): POST it as application/json, or send the header apollo-require-preflight. A page of another origin has to be named in CORS_ORIGINS.',
  ],
  CREDENTIALS_TWICE: [400, 'Send credentials once: as Authorization or as access_token, not both.'],
  TOKEN_IN_QUERY: [400, `access_token is for event streams: send Authorization, or accept: ${EVENT_STREAM}.`],
  PERSISTED_VERSION: [400, 'extensions.persistedQuery.version must be 1.'],
  PERSISTED_HASH: [400, 'extensions.persistedQuery.sha256Hash must be a string.'],
  PERSISTED_OTHER: [400, 'extensions.persistedQuery.sha256Hash is not the hash of the query (SHA-256, hex).'],
  OTHER_HOST: [403, 'This gateway serves its own machine only: see AUTH_API_KEYS and AUTH.'],
  FORWARDED: [
    403,
    'This request was forwarded from another machine, and this gateway serves its own machine only: see AUTH_API_KEYS and AUTH.',
  ],
  OTHER_ORIGIN: [403, 'Pages of this origin may not call this gateway: see CORS_ORIGINS.'],
  OTHER_METHOD: [405, 'GraphQL is served by GET and POST.'],
  NOT_EVENT_STREAM: [406, `Send accept: ${EVENT_STREAM}, or use /graphql.`],
  MEDIA_TYPE: [415, 'The body must be application/json. Uploads by multipart/form-data are not supported.'],
  ENCODING: [415, 'The body must be plain, or compressed with gzip, deflate or br.'],
} as const satisfies Record<string, Refusal>;

/**
 * Defensive readers for Akool's answers: anything undocumented becomes null (or is omitted from a list); they never
 * throw.
 */
import type { ProviderResult, ProviderStatus } from './akool-client.js';
import { withoutSecrets } from './provider-text.js';

/** The envelope of every answer of the face swap API. */
export interface Envelope {
  readonly code: number;
  readonly msg: string | null;
  readonly data: unknown;
  /** The whole body, because getToken puts its token next to `code`, not into `data`. */
  readonly whole: JsonObject;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Returns the JSON value of these bytes; undefined if they are not JSON. Invalid UTF-8 only loses that
 * character.
 */
export function readJson(bytes: Buffer): unknown {
  try {
    // Drop the parser's error on purpose: it quotes the text, which may contain a token.
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

/** Returns the envelope; null if there is no integer `code`. */
export function readEnvelope(json: unknown): Envelope | null {
  if (!isObject(json)) return null;
  const code = integerOf(json['code']);
  return code === null ? null : { code, msg: textOf(json['msg']), data: json['data'], whole: json };
}

/** Reads a submit's `data: {_id, job_id}`; null without an `_id` that can be polled. A `job_id` is only shown. */
export function readSubmitted(data: unknown): { providerId: string; providerJobId: string | null } | null {
  if (!isObject(data)) return null;
  const providerId = readProviderId(data['_id']);
  return providerId === null ? null : { providerId, providerJobId: readJobId(data['job_id']) };
}

/**
 * Reads `data: {result: [...]}` of listbyids; null if it is not a list. Unreadable entries are omitted.
 *
 * @param secrets texts to remove from reasons
 */
export function readResults(data: unknown, secrets: readonly string[]): ProviderResult[] | null {
  const list = isObject(data) ? data['result'] : undefined;
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry: unknown) => readResult(entry, secrets) ?? []);
}

/** Reads `data: {credit}` of a quota answer. */
export function readCredit(data: unknown): number | null {
  return isObject(data) ? numberOf(data['credit']) : null;
}

/** Reads getToken's `{code, token}`; some versions of its page show the token inside `data`. */
export function readToken({ whole, data }: Envelope): string | null {
  const token = textOf(whole['token']) ?? (isObject(data) ? textOf(data['token']) : null);
  // The token must be usable as a header.
  return token !== null && /^[\x21-\x7e]+$/.test(token) ? token : null;
}

/** An `_id`: without commas and blanks, which would break a list of ids. */
export function readProviderId(value: unknown): string | null {
  return typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value) ? value : null;
}

/** A `job_id`; null if it is long, or has characters that a database might not store. */
function readJobId(value: unknown): string | null {
  const text = textOf(value);
  return text !== null && /^[\x20-\x7e]{1,256}$/.test(text) ? text : null;
}

/** A result's URL, in polls and callbacks; null if there is none. */
export function readAddress(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

/** Why a generation failed. `alg_msg` is undocumented, but appears in results with status 4. */
export function readReason(said: JsonObject, secrets: readonly string[]): string | null {
  const texts = [said['alg_msg'], said['msg'], said['message']];
  return texts.map((text) => withoutSecrets(text, secrets).trim()).find((text) => text !== '') ?? null;
}

/** Akool's status of a generation, in polls and callbacks. */
export function readProviderStatus(value: unknown): ProviderStatus | null {
  return value === 1 || value === 2 || value === 3 || value === 4 ? value : null;
}

/** A non-empty string, or a number as a string. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A finite number, which may be given as a string. */
export function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const utf8 = new TextDecoder();

function integerOf(value: unknown): number | null {
  const number = numberOf(value);
  return Number.isInteger(number) ? number : null;
}

function readResult(entry: unknown, secrets: readonly string[]): ProviderResult | null {
  if (!isObject(entry)) return null;
  const providerId = readProviderId(entry['_id']);
  const status = readProviderStatus(numberOf(entry['faceswap_status']));
  if (providerId === null || status === null) return null;
  return {
    providerId,
    status,
    url: readAddress(entry['url']),
    reason: readReason(entry, secrets),
  };
}

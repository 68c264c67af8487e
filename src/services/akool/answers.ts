/**
 * Akool's answers, read by hand and with distrust: what is not as documented gives null (or is left out of a
 * list), never an exception.
 */
import type { ProviderResult, ProviderStatus } from './akool-client.js';
import { withoutSecrets } from './provider-text.js';

/** What every answer of the face swap API comes in. */
export interface Envelope {
  readonly code: number;
  readonly msg: string | null;
  readonly data: unknown;
  /** All of it: getToken puts its token beside `code`, not into `data`. */
  readonly whole: JsonObject;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON value of these bytes; undefined when they are not JSON. What is not UTF-8 costs its character alone. */
export function readJson(bytes: Buffer): unknown {
  try {
    // The parser's error is dropped on purpose: it quotes the text, which may be a token.
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

/** The envelope; null when there is no integer `code`. */
export function readEnvelope(json: unknown): Envelope | null {
  if (!isObject(json)) return null;
  const code = integerOf(json['code']);
  return code === null ? null : { code, msg: textOf(json['msg']), data: json['data'], whole: json };
}

/** A submit's `data: {_id, job_id}`; null without an `_id` that can be asked for later. */
export function readSubmitted(data: unknown): { providerId: string; providerJobId: string | null } | null {
  if (!isObject(data)) return null;
  const providerId = readProviderId(data['_id']);
  return providerId === null ? null : { providerId, providerJobId: textOf(data['job_id']) };
}

/**
 * A listbyids answer's `data: {result: [...]}`; null when it is no list. Entries that cannot be read are left out.
 *
 * @param secrets what a reason must not repeat
 */
export function readResults(data: unknown, secrets: readonly string[]): ProviderResult[] | null {
  const list = isObject(data) ? data['result'] : undefined;
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry: unknown) => readResult(entry, secrets) ?? []);
}

/** A quota answer's `data: {credit}`. */
export function readCredit(data: unknown): number | null {
  return isObject(data) ? numberOf(data['credit']) : null;
}

/** getToken's `{code, token}`; some versions of the page show it inside `data`. */
export function readToken({ whole, data }: Envelope): string | null {
  const token = textOf(whole['token']) ?? (isObject(data) ? textOf(data['token']) : null);
  // It becomes a header, so it has to be able to.
  return token !== null && /^[\x21-\x7e]+$/.test(token) ? token : null;
}

/** An `_id`: without commas or blanks, which a list of ids could not carry. */
export function readProviderId(value: unknown): string | null {
  return typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value) ? value : null;
}

/** Where a result lies, as results and webhooks give it; null when nothing is given. */
export function readAddress(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

/** Why a generation failed. `alg_msg` is documented nowhere, and seen in results of status 4. */
export function readReason(said: JsonObject, secrets: readonly string[]): string | null {
  const texts = [said['alg_msg'], said['msg'], said['message']];
  return texts.map((text) => withoutSecrets(text, secrets).trim()).find((text) => text !== '') ?? null;
}

/** Akool's status of a generation, as results and webhooks give it. */
export function readProviderStatus(value: unknown): ProviderStatus | null {
  return value === 1 || value === 2 || value === 3 || value === 4 ? value : null;
}

/** A string with something in it, or a number as a string. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A finite number, also written as a string. */
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

/**
 * The faults, and how to request them: by rate (a share of all calls, drawn from a seeded generator) or by
 * script ("the 3rd submit is reset after acceptance").
 *
 *     { rates: { submit: { 'reset-after-accept': 0.1 }, webhook: { drop: 0.2 } },
 *       script: [{ on: 'submit', nth: 3, fault: 'timeout-after-accept' }],
 *       defaults: { ms: 2000 } }
 */

/** Faults of the two submits. Faults not described as accepted happen before acceptance and cost nothing. */
const SUBMIT_FAULTS = [
  'latency', // `ms` before anything happens
  'timeout-before-accept', // never answers, nothing was accepted
  'timeout-after-accept', // never answers, accepted and billed
  'reset-before-accept',
  'reset-after-accept',
  '500-before-accept', // an HTML error page, as from a proxy
  '500-after-accept',
  '500-json', // HTTP 500 with Akool's own {code, msg}: refused
  'garbage-after-accept', // HTTP 200, a body that is not Akool's
  'too-frequent', // 1005
  'too-many-requests', // HTTP 429 with Retry-After: `retryAfterSeconds`
  'no-credit', // 1006
  'forbidden', // HTTP 403, an HTML page
  'refuse', // any `code`
  'stall', // accepted, never ends
  'generation-fails', // accepted, ends with status 4; its result's `alg_msg` is `text`
  'odd-address', // accepted, succeeds, and its result's URL is `text`
] as const;

/** Faults of one callback, which is one status of one job, including retries. */
const WEBHOOK_FAULTS = [
  'drop', // never sent
  'double', // delivered twice
  'reorder', // `processing` is sent after the end; for the end, an old `processing` is sent again after it
  'late', // `ms` later
  'forged', // first a false one with a wrong signature, then the true one as a retry
  'unreadable', // first one encrypted with another IV, then the true one as a retry
  'wrong-id', // first one about another `_id`, correctly signed; then the true one as a retry
] as const;

/** Faults of every other call. */
const CALL_FAULTS = [
  'latency', // `ms` before the answer
  'timeout', // never answers
  'reset',
  'error', // HTTP 500, an HTML error page
  'garbage', // HTTP 200, a body that is not Akool's
  'too-many-requests',
  'forbidden', // HTTP 403, an HTML page
  'refuse', // any `code`; error_code 1 for detection; 404 for media
] as const;

export const FAULTS = {
  submit: SUBMIT_FAULTS,
  webhook: WEBHOOK_FAULTS,
  results: CALL_FAULTS,
  delete: CALL_FAULTS,
  credit: CALL_FAULTS,
  token: CALL_FAULTS,
  detect: CALL_FAULTS,
  media: CALL_FAULTS,
} as const;

export type FaultPoint = keyof typeof FAULTS;
export type FaultAt<P extends FaultPoint> = (typeof FAULTS)[P][number];
export type CallPoint = Exclude<FaultPoint, 'submit' | 'webhook'>;

export interface FaultDetails {
  /** For latency and late, in ms. Default 3000. */
  readonly ms?: number;
  /** For refuse and 500-json, one of Akool's codes. Default 1009. */
  readonly code?: number;
  /** For too-many-requests. Default 1. */
  readonly retryAfterSeconds?: number;
  /** For generation-fails and odd-address. Default ''. */
  readonly text?: string;
}

type ScriptedFault = {
  [P in FaultPoint]: FaultDetails & {
    readonly on: P;
    /** The first affected call, counted from 1 since the plan was set. Default 1. Only valid submits count. */
    readonly nth?: number;
    /** The number of consecutive calls. Default 1. */
    readonly times?: number;
    readonly fault: FaultAt<P>;
  };
}[FaultPoint];

export interface FaultPlan {
  readonly rates?: { readonly [P in FaultPoint]?: { readonly [F in FaultAt<P>]?: number } };
  readonly script?: readonly ScriptedFault[];
  readonly defaults?: FaultDetails;
}

/** Lists everything wrong with a plan, one line for each mistake. */
export class FaultPlanError extends Error {
  override readonly name = 'FaultPlanError';
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/** Checks an untrusted plan. @throws FaultPlanError with every mistake in it */
export function readFaultPlan(value: unknown): FaultPlan {
  const mistakes: string[] = [];
  if (!isRecord(value)) throw new FaultPlanError(['a fault plan is an object: {rates?, script?, defaults?}']);
  unknownKeys(value, ['rates', 'script', 'defaults'], 'the plan', mistakes);
  if (value['rates'] !== undefined) checkRates(value['rates'], mistakes);
  if (value['script'] !== undefined) checkScript(value['script'], mistakes);
  if (value['defaults'] !== undefined) {
    if (isRecord(value['defaults'])) {
      unknownKeys(value['defaults'], DETAILS, 'defaults', mistakes);
      checkDetails(value['defaults'], 'defaults', mistakes);
    } else mistakes.push('defaults must be an object');
  }
  if (mistakes.length > 0) throw new FaultPlanError(mistakes);
  return value as FaultPlan;
}

const NUMBERS = ['ms', 'code', 'retryAfterSeconds'];
const DETAILS = [...NUMBERS, 'text'];

function checkRates(rates: unknown, mistakes: string[]): void {
  if (!isRecord(rates)) {
    mistakes.push('rates must be an object of objects: {submit: {latency: 0.1}}');
    return;
  }
  for (const [point, shares] of Object.entries(rates)) {
    if (!isPoint(point))
      mistakes.push(`rates.${point} is unknown, must be one of ${Object.keys(FAULTS).join(', ')}`);
    else if (!isRecord(shares)) mistakes.push(`rates.${point} must be an object of shares from 0 to 1`);
    else
      for (const [fault, share] of Object.entries(shares)) {
        const where = `rates.${point}.${fault}`;
        if (!namesOf(point).includes(fault))
          mistakes.push(`${where} is unknown, must be one of ${namesOf(point).join(', ')}`);
        else if (typeof share !== 'number' || !(share >= 0 && share <= 1))
          mistakes.push(`${where} must be a number from 0 to 1`);
      }
  }
}

function checkScript(script: unknown, mistakes: string[]): void {
  if (!Array.isArray(script)) {
    mistakes.push("script must be a list of {on, nth, fault}, like {on: 'submit', nth: 3, fault: 'latency'}");
    return;
  }
  script.forEach((step: unknown, index) => {
    const where = `script.${index}`;
    if (!isRecord(step)) {
      mistakes.push(`${where} must be an object: {on, nth, fault}`);
      return;
    }
    unknownKeys(step, ['on', 'nth', 'times', 'fault', ...DETAILS], where, mistakes);
    const { on, nth, times, fault } = step;
    if (typeof on !== 'string' || !isPoint(on))
      mistakes.push(`${where}.on must be one of ${Object.keys(FAULTS).join(', ')}`);
    else if (typeof fault !== 'string' || !namesOf(on).includes(fault))
      mistakes.push(`${where}.fault must be one of ${namesOf(on).join(', ')}`);
    if (nth !== undefined && !isCount(nth, 1)) mistakes.push(`${where}.nth must be an integer of at least 1`);
    if (times !== undefined && !isCount(times, 1))
      mistakes.push(`${where}.times must be an integer of at least 1`);
    checkDetails(step, where, mistakes);
  });
}

function checkDetails(details: Record<string, unknown>, where: string, mistakes: string[]): void {
  for (const name of NUMBERS)
    if (details[name] !== undefined && !isCount(details[name], 0))
      mistakes.push(`${where}.${name} must be an integer of at least 0`);
  if (details['text'] !== undefined && typeof details['text'] !== 'string')
    mistakes.push(`${where}.text must be a string`);
}

function unknownKeys(value: object, known: readonly string[], where: string, mistakes: string[]): void {
  for (const key of Object.keys(value))
    if (!known.includes(key)) mistakes.push(`${where} has no ${key}, only ${known.join(', ')}`);
}

function namesOf(point: FaultPoint): readonly string[] {
  return FAULTS[point];
}

function isPoint(value: string): value is FaultPoint {
  return Object.hasOwn(FAULTS, value);
}

function isCount(value: unknown, least: number): boolean {
  return Number.isInteger(value) && (value as number) >= least;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Decides which faults apply to a call: from the plan's rates, its script, and triggers in the caller's URLs. */
import {
  FAULTS,
  type FaultAt,
  type FaultDetails,
  type FaultPlan,
  type FaultPoint,
  readFaultPlan,
} from './fault-plan.js';
import { Refusal } from './refusal.js';
import { numberIn } from './web-address.js';

/** The faults of one call at one point; usually none. */
export interface Strike<P extends FaultPoint> {
  has(fault: FaultAt<P>): boolean;
  ms(fault: FaultAt<P>): number;
  code(fault: FaultAt<P>): number;
  retryAfterSeconds(fault: FaultAt<P>): number;
  text(fault: FaultAt<P>): string;
}

/** A fault requested by a URL, like `https://…/face.png?sandbox-fault=stall`. */
export interface Trigger extends FaultDetails {
  readonly fault: string;
}

const DEFAULTS = { ms: 3000, code: 1009, retryAfterSeconds: 1 };

export class Faults {
  #plan: FaultPlan = {};
  #calls = new Map<FaultPoint, number>();
  #dice = new Map<FaultPoint, () => number>();
  readonly #seed: number;

  constructor(plan: FaultPlan, seed: number) {
    this.#seed = seed;
    this.set(plan);
  }

  get plan(): FaultPlan {
    return this.#plan;
  }

  /** Sets a new plan, and restarts the call counts and the random generators. @throws FaultPlanError */
  set(plan: FaultPlan): void {
    this.#plan = readFaultPlan(plan);
    this.#calls.clear();
    this.#dice.clear();
  }

  /**
   * Each point has its own random generator, and each call draws once for each rate of the point. So what happens to
   * the 7th submit does not depend on how often results have been polled.
   */
  strike<P extends FaultPoint>(point: P, triggers: readonly Trigger[] = []): Strike<P> {
    const nth = (this.#calls.get(point) ?? 0) + 1;
    this.#calls.set(point, nth);
    const struck = new Map<string, FaultDetails>();
    const rates: { readonly [point: string]: { readonly [fault: string]: number } } = this.#plan.rates ?? {};
    for (const [fault, share] of Object.entries(rates[point] ?? {}))
      if (this.#roll(point) < share) struck.set(fault, {});
    for (const step of this.#plan.script ?? []) {
      const first = step.nth ?? 1;
      if (step.on === point && nth >= first && nth < first + (step.times ?? 1)) struck.set(step.fault, step);
    }
    const names: readonly string[] = FAULTS[point];
    for (const trigger of triggers) if (names.includes(trigger.fault)) struck.set(trigger.fault, trigger);

    const detail = (fault: string, name: keyof typeof DEFAULTS) =>
      struck.get(fault)?.[name] ?? this.#plan.defaults?.[name] ?? DEFAULTS[name];
    return {
      has: (fault) => struck.has(fault),
      ms: (fault) => detail(fault, 'ms'),
      code: (fault) => detail(fault, 'code'),
      retryAfterSeconds: (fault) => detail(fault, 'retryAfterSeconds'),
      text: (fault) => struck.get(fault)?.text ?? this.#plan.defaults?.text ?? '',
    };
  }

  #roll(point: FaultPoint): number {
    let dice = this.#dice.get(point);
    if (!dice) {
      dice = mulberry32(this.#seed + Object.keys(FAULTS).indexOf(point) * 7919);
      this.#dice.set(point, dice);
    }
    return dice();
  }
}

/**
 * Returns the triggers in the query strings of the given URLs: `sandbox-fault` (comma-separated names), `sandbox-ms`,
 * `sandbox-code`, `sandbox-text`, `sandbox-retry-after`.
 *
 * @throws Refusal 1003 for an unknown fault, because a typo that silently succeeds would be confusing
 */
export function triggersIn(urls: readonly string[]): Trigger[] {
  return urls.flatMap((url) => {
    if (!url.includes('sandbox-fault=')) return [];
    const query = new URL(url).searchParams;
    const details = {
      ...detailIn(url, 'sandbox-ms', 'ms'),
      ...detailIn(url, 'sandbox-code', 'code'),
      ...detailIn(url, 'sandbox-retry-after', 'retryAfterSeconds'),
      ...(query.has('sandbox-text') && { text: query.get('sandbox-text') ?? '' }),
    };
    return (query.get('sandbox-fault') ?? '').split(',').map((fault) => {
      if (!KNOWN.has(fault))
        throw new Refusal(1003, `sandbox-fault=${fault} is unknown, must be one of ${[...KNOWN].join(', ')}`);
      return { fault, ...details };
    });
  });
}

const KNOWN: ReadonlySet<string> = new Set(Object.values(FAULTS).flat());

function detailIn(url: string, name: string, detail: keyof typeof DEFAULTS): FaultDetails {
  const number = numberIn(url, name);
  return number === null ? {} : { [detail]: number };
}

/** A small, fast, seeded generator of numbers from 0 (inclusive) to 1 (exclusive). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The effect of an attack on others, and whether it is acceptable. */
import type { Bill } from '../../src/sandbox/sandbox.js';
import { type BystanderReport, numberIn, type Sample } from './bystander.js';

export interface Evidence {
  readonly attack: string;
  /** What the attacker got but must not get. */
  readonly leaks: readonly string[];
  /** Every exit of the gateway that was not requested. */
  readonly deaths: readonly string[];
  readonly bystander: BystanderReport;
  /** Beginning and end of the attack, in milliseconds since 1970. */
  readonly attackedFrom: number;
  readonly attackedUntil: number;
  readonly bills: readonly Bill[];
  /** Resident memory in bytes: before, at its peak, and once it is back to normal or a minute has passed. */
  readonly before: number;
  readonly peak: number;
  readonly after: number;
}

export interface Verdict {
  readonly attack: string;
  /** Milliseconds: before the attack, during it, and meanwhile at the control gateway. */
  readonly quietP99: number;
  readonly attackedP99: number;
  readonly controlP99: number;
  /** Milliseconds for which the gateway was working during the attack. */
  readonly busyP99: number;
  readonly submits: number;
  /** In bytes. */
  readonly before: number;
  readonly peak: number;
  readonly after: number;
  /** One line per broken rule; empty if the attack had no effect. */
  readonly broken: readonly string[];
}

/** Limit for 99 of 100 queries. */
const MAX_P99_MS = 250;
/** If the control gateway is slower than this, wall-clock times mean nothing. */
const MAX_CONTROL_P99_MS = 100;
const MAX_MEMORY_LEFT_BYTES = 100 * 1024 * 1024;
/** The number of slots: jobs that are sent together may arrive in any order. */
const SENT_TOGETHER = 8;
const CASES_SHOWN = 3;

export function judge(evidence: Evidence): Verdict {
  const { attack, bystander, attackedFrom, attackedUntil, before, peak, after } = evidence;
  const within = (samples: readonly Sample[]) =>
    samples.filter(({ at }) => at >= attackedFrom && at <= attackedUntil);
  const attackedP99 = p99(within(bystander.queries));
  const controlP99 = p99(within(bystander.control));
  const busyP99 = p99(within(bystander.queries), ({ busyMs }) => busyMs);
  const isCalm = controlP99 <= MAX_CONTROL_P99_MS;
  const failures = (
    [
      ['query', bystander.queries],
      ['submit', bystander.submits],
      ['socket', bystander.sockets],
    ] as const
  ).flatMap(([what, samples]) => {
    const failed = samples.flatMap(({ failure }) => (failure === null ? [] : [failure]));
    return failed.length === 0 ? [] : [`${failed.length} × ${what} failed: ${shown(failed)}`];
  });
  const left = after - before;
  return {
    attack,
    quietP99: p99(bystander.queries.filter(({ at }) => at < attackedFrom)),
    attackedP99,
    controlP99,
    busyP99,
    submits: bystander.submits.length,
    before,
    peak,
    after,
    broken: [
      ...evidence.leaks,
      ...evidence.deaths.map((how) => `the gateway ended: ${how}`),
      ...failures,
      ...(isCalm && attackedP99 > MAX_P99_MS + controlP99 ? [`p99 is ${attackedP99} ms`] : []),
      ...(busyP99 > MAX_P99_MS ? [`p99 is ${busyP99} ms of work`] : []),
      ...moneyMistakes(bystander, evidence.bills),
      ...(bystander.notCompleted.length === 0
        ? []
        : [`${bystander.notCompleted.length} jobs not completed: ${shown(bystander.notCompleted)}`]),
      ...(left > MAX_MEMORY_LEFT_BYTES ? [`${inMegabytes(left)} MB were not given back`] : []),
    ],
  };
}

/** Errors in the bills for the bystander's submits. */
function moneyMistakes({ submits }: BystanderReport, bills: readonly Bill[]): readonly string[] {
  const arrived = bills.flatMap(({ request }) => numberOf(request) ?? []);
  const billed = new Set(arrived);
  const lost = submits.flatMap(({ failure }, nth) => (failure === null && !billed.has(nth) ? [nth] : []));
  const early = arrived.filter((nth, i) => nth < Math.max(...arrived.slice(0, i + 1)) - SENT_TOGETHER);
  const twice = arrived.filter((nth, i) => arrived.indexOf(nth) !== i);
  return [
    ...(lost.length === 0 ? [] : [`${lost.length} submits never billed: ${shown(lost)}`]),
    ...(twice.length === 0 ? [] : [`${twice.length} submits billed twice: ${shown(twice)}`]),
    ...(early.length === 0 ? [] : [`${early.length} submits overtaken: ${shown(early)}`]),
  ];
}

function numberOf(request: Bill['request']): number | null {
  const [image] = (request['sourceImage'] ?? []) as readonly { readonly path?: string }[];
  return numberIn(image?.path ?? '');
}

function shown(cases: readonly unknown[]): string {
  return cases.slice(0, CASES_SHOWN).join(', ') + (cases.length > CASES_SHOWN ? ' …' : '');
}

/** In milliseconds; 0 if there are no samples. */
function p99(samples: readonly Sample[], of: (sample: Sample) => number = ({ ms }) => ms): number {
  const sorted = samples.map(of).sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
}

export function inMegabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

/**
 * How many jobs were at the provider at once, according to two sources.
 *
 * The gateway guarantees a maximum number of slots. A job takes a slot when it is leased (SUBMITTING) and
 * keeps it until its end is known or it goes back to WAITING; if it is unknown whether Akool has it
 * (UNCONFIRMED), for `UNCONFIRMED_SLOT_MS`. After that the slot is free for another job. If the first job
 * turns out to be at Akool after all, there may be more jobs there than slots: this is intended, and Akool's
 * 1005 protects against excess. So from then on such a job no longer counts, and the number of all others
 * must never exceed the number of slots: in the gateway's history (held), and at the sandbox (accepted and
 * not ended).
 */
import type { SandboxJob } from '../../src/sandbox/sandbox.js';
import type { FoundJob, HistoryLine } from './customer.js';
import { UNCONFIRMED_SLOT_MS } from './pace.js';

/** From (inclusive) to (exclusive), in milliseconds since 1970. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** The latest time at which a history entry was stored, in milliseconds since 1970. */
export type StoredAt = (job: FoundJob, line: HistoryLine) => number;

const DEADLINE_ERRORS = new Set(['DEADLINE_EXCEEDED', 'SUBMIT_UNCONFIRMED']);
const HOLDS = new Set(['SUBMITTING', 'UNCONFIRMED', 'QUEUED', 'PROCESSING']);

/**
 * When the job held a slot, by its history.
 *
 * @param storedAt a callback may resolve a job whose slot is about to be released: leasing that slot is
 *   correct until the callback is stored
 */
export function slotsHeld(job: FoundJob, storedAt: StoredAt): readonly Interval[] {
  const held: Interval[] = [];
  let from: number | null = null;
  let freeAt = Number.POSITIVE_INFINITY;
  for (const line of job.history) {
    const at = Date.parse(line.at);
    if (line.status === 'SUBMITTING') from ??= at;
    // A job that returns after its slot was released does not hold a slot that counts.
    if (from === null) continue;
    if (storedAt(job, line) >= freeAt) {
      held.push({ from, to: Math.min(at, freeAt) });
      from = null;
      freeAt = Number.POSITIVE_INFINITY;
    } else if (!HOLDS.has(line.status)) {
      held.push({ from, to: at });
      from = null;
    }
    freeAt = line.status === 'UNCONFIRMED' ? at + UNCONFIRMED_SLOT_MS : Number.POSITIVE_INFINITY;
  }
  if (from !== null) held.push({ from, to: freeAt });
  return held;
}

/** When the job was at the sandbox while the gateway had no right to consider its slot free. */
export function timeAtProvider(atSandbox: SandboxJob, job: FoundJob, storedAt: StoredAt): Interval {
  const from = atSandbox.acceptedAt;
  const ended = atSandbox.status >= 3 ? atSandbox.updatedAt : Number.POSITIVE_INFINITY;
  return { from, to: Math.max(from, Math.min(ended, rightlyFreeAt(job, storedAt))) };
}

/** When the slot was released while Akool may still work: after UNCONFIRMED_SLOT_MS, or at the deadline. */
function rightlyFreeAt(job: FoundJob, storedAt: StoredAt): number {
  let unconfirmedAt: number | null = null;
  for (const line of job.history) {
    const at = Date.parse(line.at);
    if (unconfirmedAt !== null) {
      const freeAt = unconfirmedAt + UNCONFIRMED_SLOT_MS;
      if (storedAt(job, line) >= freeAt) return Math.min(at, freeAt);
    }
    unconfirmedAt = line.status === 'UNCONFIRMED' ? at : null;
    // Even if its result arrived later: from here on its slot was free.
    if (line.status === 'FAILED' && DEADLINE_ERRORS.has(line.note ?? '')) return at;
  }
  return unconfirmedAt === null ? Number.POSITIVE_INFINITY : unconfirmedAt + UNCONFIRMED_SLOT_MS;
}

/** The largest number of overlapping intervals. One that ends when another begins does not overlap it. */
export function mostAtOnce(intervals: readonly Interval[]): number {
  const steps = intervals
    .filter(({ from, to }) => to > from)
    .flatMap(({ from, to }) => [
      { at: from, by: 1 },
      { at: to, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  let now = 0;
  let most = 0;
  for (const { by } of steps) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

/** Compares what the customers saw, what the gateway has stored and what the sandbox billed. */
import type { Bill, SandboxJob } from '../../src/sandbox/sandbox.js';
import type { FoundJob, Sighting } from './customer.js';
import { keyIn } from './orders.js';
import { MAX_CONCURRENCY } from './pace.js';
import type { Row } from './report.js';
import { mostAtOnce, type StoredAt, slotsHeld, timeAtProvider } from './slots.js';

export interface Evidence {
  /** The job ids returned for each idempotency key. */
  readonly answers: ReadonlyMap<string, ReadonlySet<string>>;
  readonly ordered: number;
  /** Valid submits that were refused. */
  readonly refusals: readonly string[];
  /** The final state of each returned job; null if the gateway does not know it. */
  readonly found: ReadonlyMap<string, FoundJob | null>;
  /** Ids of all jobs that the gateway lists. */
  readonly listed: readonly string[];
  readonly sightings: readonly Sighting[];
  readonly bills: readonly Bill[];
  readonly atSandbox: readonly SandboxJob[];
  readonly storedAt: StoredAt;
  /** Durations of the customers' requests, in milliseconds. */
  readonly tookMs: readonly number[];
  /** Every exit of a gateway that was not killed. */
  readonly faints: readonly string[];
}

/** With fewer jobs than this, chance alone may fail half of them. */
const MANY = 100;
/** Akool's status of a job that succeeded. */
const COMPLETED_THERE = 3;
/** By then a job has been polled, whatever goes wrong. */
const ASKED_WITHIN_MS = 5000;
/** Limit until a request is answered, refused or cut. */
const MAX_ANSWER_MS = 15_000;
const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELED']);
/** It is unknown whether jobs with these errors were billed. */
const EITHER_WAY = new Set(['SUBMIT_UNCONFIRMED', 'DEADLINE_EXCEEDED']);

export function audit(evidence: Evidence): readonly Row[] {
  const { answers, found, sightings, bills } = evidence;
  const jobs = [...found.values()].filter((job) => job !== null);
  const billsOf = groupBy(bills, ({ request }) => keyIn(request) ?? 'of nobody');
  const byToken = groupBy(bills, ({ request }) => String(request['webhookUrl']));
  const keyOf = new Map([...answers].flatMap(([key, ids]) => [...ids].map((id) => [id, key] as const)));
  const billed = (job: FoundJob) => billsOf.get(keyOf.get(job.id) ?? '')?.length ?? 0;
  const named = (job: FoundJob) => `${job.id} ${job.status} ${job.error?.code ?? ''} v${job.version}`;
  const which = (cases: readonly string[]) => ({ value: cases.length, atMost: 0, cases });
  const jobsThat = (are: (job: FoundJob) => boolean) => which(jobs.filter(are).map(named));

  const twice = new Set([...double(billsOf), ...double(byToken)]);
  const known = new Set(answers.keys());
  const ids = new Set([...answers.values()].flatMap((of) => [...of]));
  const lost = [...found].filter(([, job]) => job === null || !FINAL.has(job.status));
  const sightingsThat = (are: (one: Sighting) => boolean) =>
    which(
      sightings.filter(are).map(({ id, updates, refusal }) => `${id} ${spelled(updates)} ${refusal ?? ''}`),
    );
  const held = mostAtOnce(jobs.flatMap((job) => slotsHeld(job, evidence.storedAt)));
  const together = mostAtOnce(
    evidence.atSandbox.flatMap((atSandbox) => {
      const bill = bills.find(({ providerId }) => providerId === atSandbox.id);
      const id = bill && [...(answers.get(keyIn(bill.request) ?? '') ?? [])][0];
      const job = id === undefined ? null : (found.get(id) ?? null);
      return job === null ? [] : [timeAtProvider(atSandbox, job, evidence.storedAt)];
    }),
  );

  return [
    { what: 'jobs accepted', value: ids.size, atMost: null },
    { what: 'submits never answered', value: evidence.ordered - answers.size, atMost: 0 },
    { what: 'submits refused', ...which(evidence.refusals) },
    { what: 'requests that took longer than 15 s', ...which(tooLong(evidence.tookMs)) },
    { what: 'billed once', value: jobs.filter((job) => billed(job) === 1).length, atMost: null },
    { what: 'billed twice', ...which([...twice]) },
    { what: 'billed for nobody', ...which([...billsOf.keys()].filter((key) => !known.has(key))) },
    { what: 'never billed', value: jobs.filter((job) => billed(job) === 0).length, atMost: null },
    { what: '  though COMPLETED', ...jobsThat((job) => job.status === 'COMPLETED' && billed(job) === 0) },
    { what: '  though it failed at Akool', ...jobsThat((job) => failedThere(job) && billed(job) === 0) },
    { what: 'billed though canceled or refused', ...jobsThat((job) => neverTaken(job) && billed(job) > 0) },
    { what: 'same key gave two jobs', ...which(keysWithTwo(answers)) },
    { what: 'jobs that nobody ordered', ...which(evidence.listed.filter((id) => !ids.has(id))) },
    { what: 'ended', value: found.size - lost.length, atMost: null },
    ...endings(jobs),
    { what: 'lost', ...which(lost.map(([id, job]) => (job === null ? `${id} unknown` : named(job)))) },
    { what: 'followers', value: sightings.length, atMost: null },
    { what: 'updates out of order or repeated', ...sightingsThat(({ updates }) => !isGrowing(updates)) },
    { what: 'updates that history does not know', ...sightingsThat((one) => !isHistory(one, found)) },
    { what: 'followers that missed the end', ...sightingsThat((one) => !sawTheEnd(one)) },
    { what: 'history gaps', ...jobsThat((job) => !hasWholeHistory(job)) },
    { what: 'final states that changed', ...jobsThat((job) => !staysFinal(job)) },
    { what: 'FAILED though Akool had completed it and could be asked', ...which(missed(evidence)) },
    { what: 'not COMPLETED, percent', value: notCompleted(jobs), atMost: jobs.length < MANY ? null : 50 },
    { what: 'most slots held at once', value: held, atMost: MAX_CONCURRENCY },
    { what: 'most at the provider at once', value: together, atMost: MAX_CONCURRENCY },
    { what: 'times the gateway ended by itself', ...which(evidence.faints) },
  ];
}

function tooLong(tookMs: readonly number[]): readonly string[] {
  return tookMs.filter((ms) => ms > MAX_ANSWER_MS).map((ms) => `${Math.round(ms)} ms`);
}

/** Failed at the deadline, although Akool had completed it long before and its `_id` was known. */
function missed({ found, atSandbox, bills, answers }: Evidence): readonly string[] {
  const doneAt = new Map(
    atSandbox.flatMap((one) => (one.status === COMPLETED_THERE ? [[one.id, one.updatedAt] as const] : [])),
  );
  return bills.flatMap(({ providerId, request }) => {
    const [id] = answers.get(keyIn(request) ?? '') ?? [];
    const job = id === undefined ? null : (found.get(id) ?? null);
    if (job?.error?.code !== 'DEADLINE_EXCEEDED') return [];
    const isKnown = job.history.some(({ status }) => status === 'QUEUED' || status === 'PROCESSING');
    const failedAt = Date.parse(job.history.find(({ status }) => status === 'FAILED')?.at ?? '');
    const done = doneAt.get(providerId) ?? Number.POSITIVE_INFINITY;
    return isKnown && done < failedAt - ASKED_WITHIN_MS
      ? [`${job.id} was done ${failedAt - done} ms before`]
      : [];
  });
}

function notCompleted(jobs: readonly FoundJob[]): number {
  const completed = jobs.filter(({ status }) => status === 'COMPLETED').length;
  return Math.round(100 * (1 - completed / Math.max(1, jobs.length)));
}

function endings(jobs: readonly FoundJob[]): readonly Row[] {
  const kinds = groupBy(
    jobs.filter(({ status }) => FINAL.has(status)),
    ({ status, error }) => (error === null ? status : `${status} ${error.code}`),
  );
  return [...kinds]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, of]) => ({ what: `  ${kind}`, value: of.length, atMost: null }));
}

/** Akool accepted it, and it failed there. */
function failedThere({ error }: FoundJob): boolean {
  return error?.code === 'GENERATION_FAILED' && error.providerCode === null;
}

/** Akool certainly did not accept it. */
function neverTaken(job: FoundJob): boolean {
  if (job.status === 'CANCELED') return true;
  return job.error !== null && !EITHER_WAY.has(job.error.code) && !failedThere(job);
}

function keysWithTwo(answers: Evidence['answers']): readonly string[] {
  return [...answers].filter(([, ids]) => ids.size > 1).map(([key, ids]) => `${key}: ${[...ids].join(', ')}`);
}

function isGrowing(updates: Sighting['updates']): boolean {
  return updates.every(({ version }, i) => version > (updates[i - 1]?.version ?? 0));
}

function isHistory({ id, updates }: Sighting, found: Evidence['found']): boolean {
  const history = found.get(id)?.history ?? [];
  return updates.every(({ version, status }) => history[version - 1]?.status === status);
}

function sawTheEnd({ updates, completed }: Sighting): boolean {
  return completed && FINAL.has(updates.at(-1)?.status ?? '');
}

function hasWholeHistory({ version, status, history }: FoundJob): boolean {
  return (
    history.length === version &&
    history.every((line, i) => line.version === i + 1) &&
    history.at(-1)?.status === status
  );
}

function staysFinal({ history }: FoundJob): boolean {
  const end = history.find(({ status }) => FINAL.has(status));
  if (end === undefined) return true;
  // A result that arrives late completes a job that failed by running out of time.
  const mayBeHealed = EITHER_WAY.has(end.note ?? '');
  const healedAt = mayBeHealed ? history.find(({ status }) => status === 'COMPLETED')?.version : undefined;
  return history
    .slice(end.version - 1)
    .every(({ status, version }) =>
      healedAt !== undefined && version >= healedAt ? status === 'COMPLETED' : status === end.status,
    );
}

function spelled(updates: Sighting['updates']): string {
  return updates.map(({ version, status }) => `${version} ${status}`).join(', ') || 'nothing';
}

function double(bills: ReadonlyMap<string, readonly Bill[]>): readonly string[] {
  return [...bills].filter(([, of]) => of.length > 1).map(([of]) => of);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

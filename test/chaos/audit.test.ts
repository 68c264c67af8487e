import { describe, expect, it } from 'vitest';
import type { Bill, SandboxJob } from '../../src/sandbox/sandbox.js';
import { audit, type Evidence } from './audit.js';
import type { FoundJob, Sighting } from './customer.js';
import { auditFiles } from './files.js';
import { MAX_CONCURRENCY, UNCONFIRMED_SLOT_MS } from './pace.js';
import { violationsIn } from './report.js';

const LIFE = ['WAITING', 'SUBMITTING', 'QUEUED', 'COMPLETED'];

/** Each status lasts 100 ms. */
function job(id: string, statuses: readonly string[] = LIFE, stepMs = 100): FoundJob {
  const history = statuses.map((status, i) => ({
    version: i + 1,
    status,
    at: new Date(i * stepMs).toISOString(),
    note: null,
  }));
  return { id, version: statuses.length, status: statuses.at(-1) ?? '', error: null, history };
}

function bill(id: string, more: Partial<Bill> = {}): Bill {
  const request = { path: `https://p.example/chaos/key-${id}/a.png`, webhookUrl: `https://g/${id}` };
  return { at: 0, providerId: `at-akool-${id}`, kind: 'pro', cost: 4, request, ...more };
}

function sighting(of: FoundJob, more: Partial<Sighting> = {}): Sighting {
  return { id: of.id, updates: [...of.history], completed: true, refusal: null, ...more };
}

function evidence(jobs: readonly FoundJob[], more: Partial<Evidence> = {}): Evidence {
  return {
    answers: new Map(jobs.map(({ id }) => [`key-${id}`, new Set([id])])),
    ordered: jobs.length,
    refusals: [],
    found: new Map(jobs.map((one) => [one.id, one])),
    listed: jobs.map(({ id }) => id),
    sightings: jobs.map((one) => sighting(one)),
    bills: jobs.map(({ id }) => bill(id)),
    atSandbox: [],
    storedAt: (_job, { at }) => Date.parse(at) + 250,
    tookMs: [],
    faints: [],
    ...more,
  };
}

function broken(jobs: readonly FoundJob[], more: Partial<Evidence> = {}): readonly string[] {
  return violationsIn(audit(evidence(jobs, more))).map((line) => line.trim().replace(/: .*/, ''));
}

function crowd(count: number, statuses?: readonly string[], stepMs?: number): FoundJob[] {
  return Array.from({ length: count }, (_, n) => job(`${n}`, statuses, stepMs));
}

describe('the audit of the files of a chaos run', () => {
  const none = { sent: 1, refused: [], missing: [], left: [] };

  it('finds nothing wrong where all were taken, served and erased', () => {
    expect(violationsIn(auditFiles(none))).toEqual([]);
  });

  it.each([
    ['refused', 'files refused: 1, may be 0'],
    ['missing', 'files gone or changed while a job needed them: 1, may be 0'],
    ['left', 'files left at the end: 1, may be 0'],
  ])('finds what is %s', (what, violation) => {
    expect(violationsIn(auditFiles({ ...none, [what]: ['one'] }))).toEqual([violation]);
  });
});

describe('the audit of a chaos run', () => {
  it('finds nothing wrong where all is well', () => {
    expect(broken(crowd(MAX_CONCURRENCY))).toEqual([]);
  });

  it('finds two bills for one order, and for one webhook address', () => {
    const other = { path: 'https://p.example/chaos/key-1/a.png', webhookUrl: 'https://g/0' };
    expect(broken(crowd(1), { bills: [bill('0'), bill('0', { providerId: 'another' })] })).toEqual([
      'billed twice',
    ]);
    expect(broken(crowd(2), { bills: [bill('0'), bill('1', { request: other })] })).toEqual(['billed twice']);
  });

  it('finds a result that was never billed, and a bill for what was canceled', () => {
    expect(broken(crowd(1), { bills: [] })).toEqual(['though COMPLETED']);
    expect(broken([job('0', ['WAITING', 'CANCELED'])])).toEqual(['billed though canceled or refused']);
  });

  it('finds a key with two jobs, and jobs that nobody was told of', () => {
    const answers = new Map([['key-0', new Set(['0', '1'])]]);
    expect(broken([job('0'), job('1')], { answers, ordered: 1, bills: [bill('0')] })).toEqual([
      'same key gave two jobs',
    ]);
    expect(broken(crowd(1), { listed: ['0', 'stray'] })).toEqual(['jobs that nobody ordered']);
  });

  it('finds requests that were neither answered nor refused in time', () => {
    expect(broken(crowd(1), { tookMs: [3, 15_000] })).toEqual([]);
    expect(broken(crowd(1), { tookMs: [3, 15_001] })).toEqual(['requests that took longer than 15 s']);
  });

  it('finds jobs that are gone or have not ended', () => {
    const open = job('0', ['WAITING', 'SUBMITTING', 'QUEUED']);
    expect(broken([open])).toEqual(['lost', 'followers that missed the end']);
    expect(broken([], { found: new Map([['0', null]]) })).toEqual(['lost']);
  });

  it('finds what followers should not have seen, or should have', () => {
    const one = job('0');
    const seen = (updates: Sighting['updates'], completed = true) =>
      broken([one], { sightings: [sighting(one, { updates, completed })] });
    const [first, second, third, end] = one.history;
    if (!first || !second || !third || !end) throw new Error('four lines');
    expect(seen([first, end])).toEqual([]);
    expect(seen([second, first, end])).toEqual(['updates out of order or repeated']);
    expect(seen([first, first, end])).toEqual(['updates out of order or repeated']);
    expect(seen([{ version: 2, status: 'QUEUED' }, end])).toEqual(['updates that history does not know']);
    expect(seen([first, third])).toEqual(['followers that missed the end']);
    expect(seen([first, end], false)).toEqual(['followers that missed the end']);
  });

  it('finds gaps in the history, and ends that were none', () => {
    const one = job('0');
    const gap = { ...one, version: 5 };
    expect(broken([gap])).toEqual(['history gaps']);
    expect(broken([job('0', [...LIFE, 'QUEUED', 'COMPLETED'])])).toContain('final states that changed');
    const failed = (note: string) => {
      const { history, ...one } = job('0', [...LIFE.slice(0, 3), 'FAILED', 'COMPLETED']);
      return {
        ...one,
        history: history.map((line) => (line.status === 'FAILED' ? { ...line, note } : line)),
      };
    };
    expect(broken([failed('GENERATION_FAILED')])).toContain('final states that changed');
    // Its result arrived later.
    expect(broken([failed('DEADLINE_EXCEEDED')])).toEqual([]);
  });

  it('finds more jobs at the provider than slots, by either witness', () => {
    expect(broken(crowd(MAX_CONCURRENCY + 1))).toEqual(['most slots held at once']);
    // By the gateway's history they came one after another; the sandbox shows otherwise.
    const jobs = crowd(MAX_CONCURRENCY + 1, ['WAITING', 'WAITING', 'WAITING', 'COMPLETED']);
    const atSandbox = jobs.map(({ id }) => {
      const times = { acceptedAt: 0, updatedAt: 100, status: 3 };
      return { id: `at-akool-${id}`, ...times } as SandboxJob;
    });
    expect(broken(jobs, { atSandbox })).toEqual(['most at the provider at once']);
  });

  it('does not count a job whose slot was given back in time', () => {
    const lives = ['WAITING', 'SUBMITTING', 'UNCONFIRMED', 'COMPLETED'];
    const early = crowd(MAX_CONCURRENCY, lives, UNCONFIRMED_SLOT_MS * 2);
    const at = (ms: number) => new Date(ms).toISOString();
    // Sent after the others had released their slots, and before they ended.
    const sentAt = UNCONFIRMED_SLOT_MS * 5.5;
    const late = {
      ...job('late'),
      history: job('late').history.map((line, i) => ({ ...line, at: at(sentAt + i) })),
    };
    expect(broken([...early, late])).toEqual([]);
    const tooEarly = {
      ...late,
      history: late.history.map((line, i) => ({ ...line, at: at(UNCONFIRMED_SLOT_MS * 4.5 + i) })),
    };
    expect(broken([...early, tooEarly])).toEqual(['most slots held at once']);
  });

  it('finds what failed though Akool had completed it, and could be asked', () => {
    const failed = (statuses: readonly string[]) => ({
      ...job('0', statuses, 10_000),
      error: { code: 'DEADLINE_EXCEEDED', providerCode: null },
    });
    const there = (status: SandboxJob['status'], updatedAt: number) => ({
      atSandbox: [{ id: 'at-akool-0', acceptedAt: 0, updatedAt, status } as SandboxJob],
    });
    const known = failed(['WAITING', 'SUBMITTING', 'QUEUED', 'FAILED']);
    expect(broken([known], there(3, 15_000))).toEqual([
      'FAILED though Akool had completed it and could be asked',
    ]);
    expect(broken([known], there(3, 29_000))).toEqual([]);
    expect(broken([known], there(2, 15_000))).toEqual([]);
    // Its `_id` was not known.
    expect(broken([failed(['WAITING', 'SUBMITTING', 'UNCONFIRMED', 'FAILED'])], there(3, 15_000))).toEqual(
      [],
    );
  });

  it('finds that hardly anything is completed', () => {
    const all = Array.from({ length: 120 }, (_, n) => ({
      ...job(`${n}`, n % 3 === 0 ? LIFE : ['WAITING', 'SUBMITTING', 'UNCONFIRMED', 'FAILED']),
      error: n % 3 === 0 ? null : { code: 'SUBMIT_UNCONFIRMED', providerCode: null },
    }));
    const spread = all.map((one, n) => ({
      ...one,
      history: one.history.map((line) => ({
        ...line,
        at: new Date(Date.parse(line.at) + n * 100_000).toISOString(),
      })),
    }));
    expect(broken(spread)).toEqual(['not COMPLETED, percent']);
  });
});

import { expect, it } from 'vitest';
import { audit } from './audit.js';
import { auditFiles } from './files.js';
import type { Row } from './report.js';
import { CUT_OFF, PROMISES, verdictOf } from './verdict.js';

const NOTHING = { answers: new Map(), found: new Map(), storedAt: () => 0, ordered: 0 };
const NO_FILES = { sent: 0, refused: [], missing: [], left: [] };
const EMPTY = { refusals: [], listed: [], sightings: [], bills: [], atSandbox: [], tookMs: [], faints: [] };

function rowsWith(wrong: Readonly<Record<string, number>>): readonly Row[] {
  const checks = [...Object.values(PROMISES).flat(), CUT_OFF];
  return checks.map((what) => ({ what, value: wrong[what] ?? 0, atMost: 0 }));
}

it('knows the promise of each check of the audit', () => {
  const rows = [...audit({ ...NOTHING, ...EMPTY }), ...auditFiles(NO_FILES)];
  const checked = rows.filter(({ atMost }) => atMost !== null);
  const named = Object.values(PROMISES).flat();
  expect(checked.map(({ what }) => what.trim()).filter((what) => !named.includes(what))).toEqual([]);
  expect(new Set(named).size).toBe(named.length);
});

it('says in one sentence that all of it held', () => {
  const verdict = verdictOf(rowsWith({}), 20);
  expect(verdict).toMatch(/^All of it held through 20 kills: every submit is answered; .*\.$/);
  for (const promise of Object.keys(PROMISES)) expect(verdict).toContain(promise);
});

it('says what did not hold, with its figures, and what did', () => {
  const verdict = verdictOf(rowsWith({ lost: 3, 'billed twice': 1, 'history gaps': 2 }), 1);
  const [broken = '', held = ''] = verdict.split('. ');
  expect(broken).toBe(
    'This did not hold through 1 kill: no job is billed twice, or for nothing (billed twice: 1); no job is lost (lost: 3, history gaps: 2)',
  );
  expect(held).toMatch(/^This held: every submit is answered; every follower /);
  expect(held).not.toContain('lost');
});

it('does not blame the gateways for a run that was cut off', () => {
  expect(verdictOf(rowsWith({ [CUT_OFF]: 1, lost: 3 }), 2)).toMatch(
    /^The run was cut off .*--limit-seconds\.$/,
  );
});

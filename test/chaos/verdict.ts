/** The findings of a chaos run in words. */
import { isBroken, type Row } from './report.js';

/** What a gateway promises, and the checks that would find it broken. */
export const PROMISES: Readonly<Record<string, readonly string[]>> = {
  'every submit is answered': [
    'submits never answered',
    'submits refused',
    'requests that took longer than 15 s',
  ],
  'no job is billed twice, or for nothing': [
    'billed twice',
    'billed for nobody',
    'though COMPLETED',
    'though it failed at Akool',
    'billed though canceled or refused',
    'same key gave two jobs',
    'jobs that nobody ordered',
  ],
  'no job is lost': [
    'lost',
    'history gaps',
    'final states that changed',
    'FAILED though Akool had completed it and could be asked',
    'not COMPLETED, percent',
  ],
  'every follower sees the states in order, to the end': [
    'updates out of order or repeated',
    'updates that history does not know',
    'followers that missed the end',
  ],
  'a file is there while a job needs it, and gone afterwards': [
    'files refused',
    'files gone or changed while a job needed them',
    'files left at the end',
  ],
  'no more jobs are at Akool than there are slots': [
    'most slots held at once',
    'most at the provider at once',
  ],
  'no gateway ends by itself, and each stops when told': [
    'times the gateway ended by itself',
    'stops at the end that were not clean',
  ],
};

/** The one check that is about the run itself. */
export const CUT_OFF = 'runs cut off at their limit';

/** Returns one or two sentences. */
export function verdictOf(rows: readonly Row[], kills: number): string {
  const broken = rows.filter(isBroken);
  const held: string[] = [];
  const notHeld: string[] = [];
  for (const [promise, checks] of Object.entries(PROMISES)) {
    const found = broken.filter(({ what }) => checks.includes(what.trim()));
    if (found.length === 0) held.push(promise);
    else
      notHeld.push(`${promise} (${found.map(({ what, value }) => `${what.trim()}: ${value}`).join(', ')})`);
  }
  const through = kills === 1 ? 'through 1 kill' : `through ${kills} kills`;
  if (broken.some(({ what }) => what === CUT_OFF)) {
    return 'The run was cut off at its limit, so it shows nothing about the gateways. Repeat it with a longer --limit-seconds.';
  }
  if (notHeld.length === 0) return `All of it held ${through}: ${held.join('; ')}.`;
  return `This did not hold ${through}: ${notHeld.join('; ')}. This held: ${held.join('; ') || 'nothing'}.`;
}

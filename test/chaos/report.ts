/** The findings of a chaos run as numbers, many of which must be zero. */

export interface Row {
  readonly what: string;
  readonly value: number | string;
  /** The largest correct value; null if any value is correct. */
  readonly atMost: number | null;
  /** The cases behind a wrong value. */
  readonly cases?: readonly string[];
}

export interface Report {
  readonly rows: readonly Row[];
  /** One line per broken rule; empty if everything held. */
  readonly violations: readonly string[];
  /** The folder of the database and the logs, if something did not hold. */
  readonly folder: string | null;
}

export function violationsIn(rows: readonly Row[]): readonly string[] {
  return rows.filter(isBroken).map(({ what, value, atMost }) => `${what}: ${value}, may be ${atMost}`);
}

const CASES_SHOWN = 5;

export function printable({ rows }: Report): string {
  const widest = Math.max(...rows.map(({ what }) => what.length));
  const lines = rows.map((row) => {
    const rule = row.atMost === null ? '' : row.atMost === 0 ? 'must be 0' : `at most ${row.atMost}`;
    const verdict = isBroken(row) ? '  BROKEN' : '';
    const line = `${row.what.padEnd(widest)}  ${String(row.value).padStart(8)}  ${rule}${verdict}`.trimEnd();
    const cases = isBroken(row) ? (row.cases ?? []).slice(0, CASES_SHOWN) : [];
    return [line, ...cases.map((one) => `    ${one}`)].join('\n');
  });
  return `\n${lines.join('\n')}`;
}

export function isBroken({ value, atMost }: Row): boolean {
  return atMost !== null && Number(value) > atMost;
}

/** Compares the bounds in docs/security.md with the sources: everything kept or read has a bound. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');
/** Separate programs, and browser code. */
const ELSEWHERE = /^(sandbox|demo|pages)\//;

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => file.split(sep).join('/'))
  .filter((file) => file.endsWith('.ts') && !ELSEWHERE.test(file))
  .map((file) => [file, readFileSync(join(SRC, file), 'utf8')] as const);

/** `const NAME = 8 * 1024 * 1024;` at the top of a file. */
const CONSTANT = /^(?:export )?const ([A-Z][A-Z_]*) = ([\d_]+(?: \* [\d_]+)*);/gm;
/** Names of bounds. Times are excluded: they are settings and do not bound memory. */
const BOUND = /^MAX_(?!(?:.*_)?(?:MS|SECONDS)$)/;
/** Fields and module-level values that start empty and are filled, and every cache. */
const KEEPER =
  /^ {2}(?:readonly )?(#\w+)(?:: [^=\n]+)? = (?:new (?:Map|Set|Topics|Array)\b|\[\])|^const (\w+)(?:: [^=;\n]+)? = new (?:Map|Set|Array)<[^(]*>\((?:\)|\w)|(#?\w+)(?:: [^=;\n]+)? = [^;\n]*new LRUCache\b/gm;

interface Row {
  readonly place: string;
  readonly bound: string;
}

/** The rows under a heading of security.md whose first cell is `file.ts` `name`. */
function rowsUnder(heading: string): readonly Row[] {
  const text = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
  const section = text.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `([\w/.-]+\.ts)` `(#?\w+)` \| ([^|]+) \|/gm)].map(
    ([, file, name, bound = '']) => ({ place: `${file} ${name}`, bound: bound.trim() }),
  );
}

/** `8 MiB` and `10,000` as numbers; NaN for any other text. */
function toNumber(bound: string): number {
  const [, digits = 'NaN', unit = ''] = /^([\d,]+)(?: (KiB|MiB))?$/.exec(bound) ?? [];
  const times = { '': 1, KiB: 1024, MiB: 1024 * 1024 }[unit] ?? Number.NaN;
  return Number(digits.replaceAll(',', '')) * times;
}

const constants = new Map<string, number>(
  sources.flatMap(([file, text]) =>
    [...text.matchAll(CONSTANT)].map(([, name = '', value = '']) => {
      const factors = value.replaceAll('_', '').split(' * ').map(Number);
      return [`${file} ${name}`, factors.reduce((product, factor) => product * factor)] as const;
    }),
  ),
);
const keepers = sources.flatMap(([file, text]) =>
  [...text.matchAll(KEEPER)].map(([, ...names]) => `${file} ${names.find((name) => name !== undefined)}`),
);

describe('docs/security.md', () => {
  test('names every bound of the program, and its value', () => {
    const rows = rowsUnder('Limits in the code');
    const bounds = [...constants.keys()].filter((place) => BOUND.test(place.split(' ')[1] ?? ''));
    expect(bounds.length).toBeGreaterThan(20);
    expect(bounds.filter((place) => !rows.some((row) => row.place === place))).toEqual([]);
    const wrong = rows.filter(({ place, bound }) => constants.get(place) !== toNumber(bound));
    expect(wrong.map(({ place, bound }) => `${place} is ${constants.get(place)}, not ${bound}`)).toEqual([]);
  });

  test('says of everything that is kept what bounds it', () => {
    const rows = rowsUnder('What is kept');
    expect(keepers.length).toBeGreaterThan(15);
    expect(keepers.filter((place) => !rows.some((row) => row.place === place))).toEqual([]);
    expect(rows.map(({ place }) => place).filter((place) => !keepers.includes(place))).toEqual([]);
  });
});

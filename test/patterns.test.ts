/**
 * Runs every regular expression in the sources on texts designed to be slow. One that is not linear needs
 * minutes for them, all others milliseconds: enough of a difference to be measured reliably on any machine.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
import { transformSync } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
/** Separate programs, and browser code. */
const ELSEWHERE = /^(sandbox|demo|pages)\//;
const TYPESCRIPT = {
  loader: 'ts',
  tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
} as const;

/** The length of each of the dozens of texts tried on a pattern; below, of the slowest one. */
const TRIAL_CHARACTERS = 20_000;
const CHARACTERS = 1_000_000;
const LIMIT_MS = 2000;
/** A machine may pause for a while, but not every time. */
const TRIES = 3;
const SAMPLES = 2;
const SAMPLE_CHARACTERS = 16;
/** No match continues beyond this, so most patterns fail here. */
const WRONG_END = '\u0000\n\u0000';

interface Pattern {
  readonly source: string;
  readonly flags: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => file.split(sep).join('/'))
  .filter((file) => file.endsWith('.ts') && !ELSEWHERE.test(file));

/** All nodes of a file's syntax tree. */
function* nodesOf(node: unknown): Generator<object> {
  if (typeof node !== 'object' || node === null) return;
  yield node;
  for (const child of Object.values(node)) yield* nodesOf(child);
}

const nodes = files.flatMap((file) =>
  [...nodesOf(parseAst(transformSync(readFileSync(join(SRC, file), 'utf8'), TYPESCRIPT).code))].map(
    (node) => ({ file, node }),
  ),
);

const patterns = new Map<string, Pattern>(
  nodes.flatMap(({ file, node }) => {
    if (!('regex' in node)) return [];
    const { pattern, flags } = node.regex as { readonly pattern: string; readonly flags: string };
    return [[`/${pattern}/${flags} of ${file}`, { source: pattern, flags }] as const];
  }),
);

/** Texts that the pattern matches, as far as they can be generated. */
function matchesOf({ source, flags }: Pattern): readonly string[] {
  try {
    const made = fc.stringMatching(new RegExp(source, flags.replace('g', '')));
    return fc.sample(made, { numRuns: SAMPLES, seed: 1 });
  } catch {
    return [];
  }
}

/** A beginning, and what is repeated after it. */
type Text = readonly [start: string, part: string];

function ofLength(characters: number, [start, part]: Text): string {
  return start + part.repeat(Math.ceil(characters / part.length)) + WRONG_END;
}

function hurtful(pattern: Pattern): readonly Text[] {
  const { source } = pattern;
  // Includes the pattern's own source, whose characters are significant to it.
  const samples = [source.replace(/\\(.)/g, '$1'), source, ...matchesOf(pattern)];
  const texts = new Set<string>();
  for (const sample of samples) {
    texts.add(JSON.stringify(['', sample]));
    const part = sample.slice(0, SAMPLE_CHARACTERS);
    for (let at = 0; at < part.length; at += 1) {
      texts.add(JSON.stringify(['', part.slice(at, at + 1)]));
      texts.add(JSON.stringify(['', part.slice(at, at + 2)]));
      texts.add(JSON.stringify([part.slice(0, at), part.slice(at, at + 1)]));
    }
  }
  return [...texts].map((text) => JSON.parse(text));
}

// Only code in a separate context can be interrupted while it matches.
const context = createContext({});
const run = new Script(`
  if (flags.includes('g')) text.replace(new RegExp(source, flags), '');
  else new RegExp(source, flags).exec(text);
`);

/** Whether the pattern finishes within the limit. */
function getsThrough(pattern: Pattern, text: string, limitMs = LIMIT_MS): boolean {
  Object.assign(context, pattern, { text });
  for (let nth = 0; nth < TRIES; nth += 1) {
    try {
      run.runInContext(context, { timeout: limitMs });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    }
  }
  return false;
}

describe('a pattern in the sources', () => {
  it('is written as one, so that it is found here', () => {
    expect(patterns.size).toBeGreaterThan(80);
    const made = nodes.filter(({ node }) => 'name' in node && node.name === 'RegExp');
    expect(made.map(({ file }) => file)).toEqual([]);
  });

  it.each([...patterns])('takes no more steps than its text is long: %s', (_name, pattern) => {
    let slowest: readonly [ms: number, text: Text] = [-1, ['', ' ']];
    for (const text of hurtful(pattern)) {
      const from = performance.now();
      if (!getsThrough(pattern, ofLength(TRIAL_CHARACTERS, text))) expect.fail(JSON.stringify(text));
      const ms = performance.now() - from;
      if (ms > slowest[0]) slowest = [ms, text];
    }
    const [, text] = slowest;
    expect(getsThrough(pattern, ofLength(CHARACTERS, text)), JSON.stringify(text)).toBe(true);
  });

  it('would be stopped if it took more', () => {
    const text = ' '.repeat(CHARACTERS) + WRONG_END;
    expect(getsThrough({ source: '\\s+$', flags: '' }, text, 100)).toBe(false);
  });
});

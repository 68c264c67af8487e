/** `--help` prints help, and does nothing else; an unknown option is refused in one line. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The project as it is after `npm ci`, before anything is built. */
const fresh = mkdtempSync(join(tmpdir(), 'help-test-'));

beforeAll(() => {
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts', 'src', 'test']) {
    cpSync(join(root, name), join(fresh, name), { recursive: true });
  }
  const isOurs = (path: string) => !path.includes('node_modules') && !path.includes('results');
  cpSync(join(root, 'bench'), join(fresh, 'bench'), { recursive: true, filter: isOurs });
  symlinkSync(join(root, 'node_modules'), join(fresh, 'node_modules'));
});
afterAll(() => {
  rmSync(fresh, { recursive: true });
});

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
/** Each npm command that is a program of ours, and its arguments to node. */
const COMMANDS = Object.entries(scripts).flatMap(([name, line]) => {
  const [, words] = /^(?:exec )?node (.*)$/.exec(line) ?? [];
  const command = name === 'start' ? 'npm start' : `npm run ${name}`;
  return words === undefined ? [] : [[command, words.split(' ')] as const];
});

function run(args: readonly string[]) {
  return spawnSync(process.execPath, args, { cwd: fresh, encoding: 'utf8' });
}

test('all commands with options are looked at', () => {
  const others = Object.keys(scripts).filter((name) => !COMMANDS.some(([command]) => command.endsWith(name)));
  // These are programs of others.
  expect(others).toEqual(['test', 'test:long', 'format']);
});

test.each(COMMANDS)(
  '%s -- --help prints help, and builds, installs and starts nothing',
  (command, script) => {
    const { status, stdout, stderr } = run([...script, '--help']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(command);
    expectNothingMade();
  },
);

test.each(COMMANDS.filter(([command]) => !command.endsWith('demo')))(
  '%s -- --nonsense is refused in one line, before anything is built',
  (command, script) => {
    const { status, stdout, stderr } = run([...script, '--nonsense']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`Unknown option '--nonsense'; see ${command} -- --help\n`);
    expectNothingMade();
  },
);

function expectNothingMade(): void {
  expect(existsSync(join(fresh, 'dist'))).toBe(false);
  expect(existsSync(join(fresh, 'bench/node_modules'))).toBe(false);
}

/** `npm run check`: format, lint rules and types. */
import { spawnSync } from 'node:child_process';
import { readCommandLine } from './command-line.mjs';

readCommandLine(
  'npm run check',
  'npm run check: checks format, lint rules and types. It takes no arguments.',
);
for (const [program, ...args] of [
  ['biome', 'ci', '.'],
  ['tsc', '--noEmit'],
  ['tsc', '-p', 'src/pages'],
  ['tsc', '-p', 'packages/client', '--noEmit'],
  ['tsc', '-p', 'packages/client/test'],
  ['tsc', '-p', 'examples'],
]) {
  // npm has put the folder of the programs into PATH.
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

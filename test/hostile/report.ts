/** The result table of a hostile run: one line per attack. */
import { inMegabytes, type Verdict } from './verdict.js';

const NAME_WIDTH = 24;
const WIDTH = 9;

export function headLine(): string {
  const columns = ['p99 ms', 'attacked', 'control', 'at work', 'submits', 'MB', 'peak', 'after'];
  return `${''.padEnd(NAME_WIDTH)}${columns.map((name) => name.padStart(WIDTH)).join('')}`;
}

export function lineOf(verdict: Verdict): string {
  const { attack, quietP99, attackedP99, controlP99, busyP99, submits, before, peak, after, broken } =
    verdict;
  const columns = [
    quietP99,
    attackedP99,
    controlP99,
    busyP99,
    submits,
    ...[before, peak, after].map(inMegabytes),
  ];
  const figures = columns.map((value) => String(value).padStart(WIDTH)).join('');
  const cases = broken.map((line) => `\n    ${line}`).join('');
  return `${attack.padEnd(NAME_WIDTH)}${figures}  ${broken.length === 0 ? 'held' : 'BROKEN'}${cases}`;
}

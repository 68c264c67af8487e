/** A run's results as Markdown, ratios first. */
import type { Contender } from './contender.js';
import { SLOW_COMMIT_MS } from './measures/writes.js';
import type { Result, Results, Subject, Unit } from './results.js';
import { type Figure, ratioOf } from './rounds.js';
import { type Verdict, verdicts } from './targets.js';

const LABELS: Readonly<Record<string, string>> = {
  job: '`job` query, CPU',
  jobs: '`jobs`, a page of 50, CPU',
  submit: 'submit, CPU',
  webhook: 'webhook, CPU',
  'webhook.rate': 'webhooks, 64 at once',
  'webhook.rate.slow': `webhooks, 64 at once, commits ${SLOW_COMMIT_MS} ms longer`,
  update: 'update to a socket, CPU',
  'update.p50': 'webhook to socket, half within',
  'update.p99': 'webhook to socket, 99 of 100 within',
  socket: 'held socket, resident',
  'socket.live': 'held socket, live objects',
  'socket.open': 'opening a socket, CPU',
  'socket.opened': 'sockets opened',
  start: 'start to ready',
  rest: 'at rest, resident',
};

export function printable(results: Results, contenders: readonly Contender[]): string {
  return [
    section('Targets', targetTable(verdicts(results))),
    section('Times the bare floor', comparison(results, contenders, isRelative)),
    section('Times the other tree', changes(results)),
    section('Figures: median (least–most)', comparison(results, contenders, isAbsolute)),
    section('Growth: median (least–most)', growthTable(results, contenders)),
  ].join('');
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n### ${title}\n\n${lines.join('\n')}\n`;
}

function targetTable(all: readonly Verdict[]): readonly string[] {
  return table(
    ['target', 'wanted', 'measured', ''],
    all.map(({ target, limit, isAtLeast, figure, reached }) => [
      target,
      `${isAtLeast ? '≥' : '≤'} ${limit}`,
      withSpread(figure),
      reached ? 'reached' : '**not reached**',
    ]),
  );
}

type Cell = (figure: Figure, unit: Unit, floor: Figure | null) => string;

const isRelative: Cell = (figure, _unit, floor) => (floor === null ? '' : withSpread(ratioOf(figure, floor)));
const isAbsolute: Cell = (figure, unit) => `${withSpread(figure)} ${unit}`;

function comparison(results: Results, contenders: readonly Contender[], cell: Cell): readonly string[] {
  const plain = results.all.filter(({ what }) => !what.includes(' @ '));
  const subjects: readonly (readonly [Subject, string])[] = [
    ...contenders.map(({ name, label }) => [name, label] as const),
    ...(plain.some(({ of }) => of === 'driver') ? [['driver', 'SQLite driver alone'] as const] : []),
  ];
  const rows = [...new Set(plain.map(({ what }) => what))].map((what) => [
    LABELS[what] ?? what,
    ...subjects.map(([of]) => {
      const result = plain.find((one) => one.what === what && one.of === of);
      return result === undefined ? '' : cell(result.figure, result.unit, results.find(what, 'floor'));
    }),
  ]);
  return table(['', ...subjects.map(([, label]) => label)], rows);
}

function changes(results: Results): readonly string[] {
  const rows = results.all.flatMap(({ what, of, figure }) => {
    const before = of === 'gateway' ? results.find(what, 'other-tree') : null;
    return before === null ? [] : [[LABELS[what] ?? what, withSpread(ratioOf(figure, before))]];
  });
  return table(['', 'this gateway'], rows);
}

function growthTable(results: Results, contenders: readonly Contender[]): readonly string[] {
  const grown = results.all.filter(({ what }) => what.includes(' @ '));
  const rows: string[][] = [];
  const seen = new Set<string>();
  for (const { what, of } of grown) {
    const [base = '', size = ''] = what.split(' @ ');
    const kind = size.split(' ')[1] ?? '';
    const key = `${base} ${kind} ${of}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const series = grown.filter((one) => isOf(one, base, kind) && one.of === of);
    const [first, last] = [series[0], series.at(-1)];
    rows.push([
      `${LABELS[base] ?? base}, ${contenders.find(({ name }) => name === of)?.label ?? of}`,
      `${series.map((one) => one.what.split(' @ ')[1]?.split(' ')[0]).join(' / ')} ${kind}`,
      `${series.map(({ figure }) => withSpread(figure)).join(' / ')} ${first?.unit ?? ''}`,
      first === undefined || last === undefined ? '' : short(last.figure.median / first.figure.median),
    ]);
  }
  return table(['', 'with', 'measured', 'last to first'], rows);
}

function isOf({ what }: Result, base: string, kind: string): boolean {
  return what.startsWith(`${base} @ `) && what.endsWith(kind);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const widths = head.map((title, i) => Math.max(title.length, 3, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function withSpread({ median, least, most, values }: Figure): string {
  return values.length < 2 ? short(median) : `${short(median)} (${short(least)}–${short(most)})`;
}

function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return String(Math.round(value));
  return value.toFixed(size >= 10 ? 1 : 2);
}

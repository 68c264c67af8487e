/** The folder in which files arrive: what is left in it by dead processes, and nothing else, is removed. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Spool } from '../../../src/services/uploads/spool.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spool-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const HOST = encodeURIComponent(`${hostname()}.${readlinkSync('/proc/self/ns/pid')}`);
/** Above the largest that Linux gives. */
const DEAD_PID = 2 ** 22 + 1;
const STARTED = Math.trunc(performance.timeOrigin);

function leave(name: string, ageMs = 0): void {
  const path = join(dir, name);
  mkdirSync(path);
  writeFileSync(join(path, 'half'), 'half a file');
  const then = (Date.now() - ageMs) / 1000;
  utimesSync(path, then, then);
}

it.each(['', 'gateway~'])(
  'removes what dead processes left, and nothing else (prefix %j)',
  async (prefix) => {
    const dead = [`${HOST}~${DEAD_PID}~1~aaaaaa`, `${HOST}~${process.pid}~${STARTED - 1000}~bbbbbb`];
    const silent = ['elsewhere~1~1~cccccc', `${HOST}~${process.ppid}~1~dddddd`];
    // A container of the same name, in which other processes have these numbers.
    const contained = `${encodeURIComponent(`${hostname()}.pid:[1]`)}~${process.pid}~1~gggggg`;
    const alive = [contained, 'elsewhere~2~1~eeeeee', `${HOST}~${process.pid}~${STARTED}~ffffff`];
    for (const name of [...dead, ...alive]) leave(prefix + name, 4 * 60_000);
    for (const name of silent) leave(prefix + name, 6 * 60_000);
    writeFileSync(join(dir, `${prefix}${HOST}~${DEAD_PID}~1~file`), 'of somebody else');
    if (prefix !== '') leave(dead[0] ?? '', 6 * 60_000);

    const spool = new Spool(dir, prefix);
    await spool.start();
    const own = dirname(await spool.newFile());
    const left = readdirSync(dir).filter((name) => join(dir, name) !== own);
    const expected = [...alive.map((name) => prefix + name), `${prefix}${HOST}~${DEAD_PID}~1~file`];
    expect(left.sort()).toEqual([...expected, ...(prefix === '' ? [] : [dead[0]])].sort());
    await spool.stop();
    expect(existsSync(own)).toBe(false);
    await spool.stop();
  },
);

it('shows the others that it lives', async () => {
  const [one, other] = [new Spool(dir), new Spool(dir)];
  await one.start();
  const file = await one.newFile();
  writeFileSync(file, 'arriving');
  const longAgo = Date.now() / 1000 - 3600;
  utimesSync(dirname(file), longAgo, longAgo);
  await one.sweep();
  await other.start();
  expect(existsSync(file)).toBe(true);
  utimesSync(dirname(file), longAgo, longAgo);
  await other.sweep();
  expect(existsSync(file)).toBe(false);
  // It is found missing, and made anew.
  writeFileSync(await one.newFile(), 'arriving');
  await Promise.all([one.stop(), other.stop()]);
  expect(readdirSync(dir)).toEqual([]);
});

it('gives names to files that nobody else may read', async () => {
  const spool = new Spool(join(dir, 'deep', 'down'));
  await spool.start();
  const names = await Promise.all([spool.newFile(), spool.newFile()]);
  expect(new Set(names).size).toBe(2);
  expect(new Set(names.map(dirname)).size).toBe(1);
  expect(names.filter(existsSync)).toEqual([]);
  await spool.stop();
});

it('knows how much room there is, and that there is none where it can not be', async () => {
  expect(await new Spool(dir).freeBytes()).toBeGreaterThan(0);
  writeFileSync(join(dir, 'file'), 'in the way');
  const nowhere = new Spool(join(dir, 'file'));
  expect(await nowhere.freeBytes()).toBeGreaterThanOrEqual(0);
  await expect(nowhere.start()).rejects.toThrow();
  await expect(nowhere.newFile()).rejects.toThrow();
  await nowhere.stop();
  expect(await new Spool(join(dir, 'none')).freeBytes()).toBe(0);
});

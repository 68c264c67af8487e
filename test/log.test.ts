/** Log lines when their reader does not read, is late, or is gone. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLog } from '../src/log.js';
import { readableLines } from '../src/readable-lines.js';

const LINE = 'x'.repeat(100_000);

function linesOf(text: string): { msg: string; lostLines?: number }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('wait for a slow reader up to a bound, and what is lost is counted', async () => {
  const output = new PassThrough();
  const { log, flush } = createLog('info', output);
  for (let i = 0; i < 100; i++) log.info(LINE);
  expect(output.writableLength + output.readableLength).toBeLessThan(5_000_000);

  let read = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    read += text;
  });
  await expect.poll(() => output.writableLength).toBe(0);
  await flush(5000);
  const lines = linesOf(read);
  const kept = lines.filter(({ msg }) => msg === LINE).length;
  expect(kept).toBeGreaterThan(10);
  expect(lines.at(-1)).toMatchObject({ level: 40, lostLines: 100 - kept });
});

test('do not hold up the end for longer than its patience', async () => {
  const output = new PassThrough();
  const { log, flush } = createLog('info', output);
  for (let i = 0; i < 100; i++) log.info(LINE);
  await flush(10);
  expect(output.writableLength).toBeGreaterThan(0);
});

test('are dropped when the reader has ended', async () => {
  const output = new PassThrough();
  const { log, flush } = createLog('info', output);
  output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  await new Promise((resolve) => output.once('close', resolve));
  log.info('nobody hears it');
  await flush(5000);
  expect(output.writableLength).toBe(0);
});

test('for people are one line per event, whatever texts of others hold', () => {
  const output = new PassThrough();
  const { log } = createLog('info', output, readableLines(false));
  log.info({ path: '/a\u001b[2J\u009b1m\u202e' }, 'first\nsecond\u0007');
  log.error({ err: new Error('broken\nin two') }, 'failed');
  const lines = String(output.read()).split('\n');
  expect(lines).toEqual([
    expect.stringMatching(
      /^\[[\d:.]+\] INFO: first\\nsecond\\u0007 \{"path":"\/a\\u001b\[2J\\u\{9b\}1m\\u\{202e\}"\}$/,
    ),
    expect.stringMatching(
      /^\[[\d:.]+\] ERROR: failed \{"err":\{.*"message":"broken\\nin two","stack":".*\\n {4}at /,
    ),
    '',
  ]);
});

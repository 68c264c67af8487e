/** `.env` as editors write it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadEnvFile } from '../src/env-file.js';
import { StartError } from '../src/errors.js';

const TEXT = 'ENV_FILE_TEST=schlüssel\nENV_FILE_SET="from the file"\n';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-'));
  vi.stubEnv('ENV_FILE_TEST', undefined);
  vi.stubEnv('ENV_FILE_SET', 'before');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

test.each<[string, Buffer]>([
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${TEXT}`)],
  ['UTF-16 with a byte order mark', utf16(`\uFEFF${TEXT}`)],
  ['UTF-16 without one', utf16(TEXT)],
  ['big-endian UTF-16', utf16(`\uFEFF${TEXT}`).swap16()],
])('is read in %s, and what is set already wins', (_what, bytes) => {
  const file = join(folder, '.env');
  writeFileSync(file, bytes);
  loadEnvFile(file);
  expect([process.env['ENV_FILE_TEST'], process.env['ENV_FILE_SET']]).toEqual(['schlüssel', 'before']);
});

test.each(['', ' '])(
  'fills in a variable that is set to %j, as Docker Compose does for one without a value',
  (blank) => {
    vi.stubEnv('ENV_FILE_SET', blank);
    const file = join(folder, '.env');
    writeFileSync(file, TEXT);
    loadEnvFile(file);
    expect(process.env['ENV_FILE_SET']).toBe('from the file');
  },
);

test('may be missing, but not a directory', () => {
  const file = join(folder, '.env');
  loadEnvFile(file);
  mkdirSync(file);
  expect(() => loadEnvFile(file)).toThrow(StartError);
  expect(() => loadEnvFile(file)).toThrow('it is a directory');
});

import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, httpServer, type LocalServer, text } from '../support/local-server.js';
import { Files } from './files.js';

const FILE = 'the file';
const KEPT = text(200, FILE);
const CUT: Answer = (_request, response) => {
  response.writeHead(200, { 'content-length': 100 });
  response.write('half', () => response.destroy());
};

let server: LocalServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** What looks find missing while the file is answered in these ways, one after the other, and its job goes on. */
async function missingAfter(...answers: readonly Answer[]): Promise<readonly string[]> {
  const left = [...answers];
  const { url, received } = await httpServer((request, response) =>
    (left.shift() ?? KEPT)(request, response),
  ).then((started) => (server = started));
  const sha256 = createHash('sha256').update(FILE).digest('hex');
  const files = new Files(new AbortController().signal);
  await files.look({ id: '1', url, putUrl: url, sha256 }, async () => received.length > answers.length);
  return files.evidence([], 0).missing.map((one) => one.replace(url, 'file'));
}

describe('looking at a file of a chaos run', () => {
  it.each<[string, Answer, string]>([
    ['gone', text(404, ''), 'file: 404'],
    ['changed', text(200, 'another'), 'file: 200'],
  ])('finds it %s, however late in the life of its job', async (_what, answer, found) => {
    expect(await missingAfter(KEPT, answer)).toEqual([found]);
  });

  it('ignores gateways that die or have no database meanwhile', async () => {
    expect(await missingAfter(CUT, text(503, ''), KEPT)).toEqual([]);
    expect(server?.received).toHaveLength(4);
  });

  it('ignores that it is gone once its job has ended', async () => {
    server = await httpServer(text(404, ''));
    const file = { id: '1', url: server.url, putUrl: server.url, sha256: '' };
    const files = new Files(new AbortController().signal);
    await files.look(file, async () => true);
    expect(server.received).toHaveLength(1);
    expect(files.evidence([], 0).missing).toEqual([]);
  });
});

it('takes records for left, except those that a killed gateway was receiving or erasing', () => {
  const killedAt = 1000;
  const left = { 'not hidden': null, overdue: killedAt, 'claimed since': killedAt + 130_000 };
  const claimed = { 'until just now': killedAt + 1, 'until later': killedAt + 100_000 };
  const rows = Object.entries({ ...left, ...claimed });
  const stored = rows.map(([row, due]) => ({ row, due }));
  const evidence = new Files(new AbortController().signal).evidence(stored, killedAt);
  expect(evidence.left).toEqual(Object.keys(left));
});

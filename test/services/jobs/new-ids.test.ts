import { expect, test } from 'vitest';
import { newCallbackToken, newJobId } from '../../../src/services/jobs/new-ids.js';

const AT = Date.UTC(2026, 10, 29);

test('ids and tokens of a later job come later in an index', () => {
  for (const newName of [newJobId, newCallbackToken]) {
    const names = [0, 1, 1000, 86_400_000].map((later) => newName(AT + later));
    expect([...names].sort()).toEqual(names);
  }
});

test('ids are UUIDs of version 7, and unlike each other at the same time', () => {
  const ids = Array.from({ length: 1000 }, () => newJobId(AT));
  expect(new Set(ids).size).toBe(1000);
  // 2026-11-29T00:00:00Z, RFC 9562: 48 bits of time, the version, the variant.
  for (const id of ids) expect(id).toMatch(/^01a22499-f800-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});

test('tokens of the same time share nothing but the time', () => {
  const secrets = Array.from({ length: 1000 }, () => newCallbackToken(AT).slice(AT.toString(36).length));
  expect(new Set(secrets).size).toBe(1000);
  for (const secret of secrets) expect(secret).toMatch(/^[\w-]{32}$/);
});

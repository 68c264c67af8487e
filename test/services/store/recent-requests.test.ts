import { expect, test } from 'vitest';
import type { StoredRequest } from '../../../src/services/store/job-rows.js';
import { RecentRequests } from '../../../src/services/store/recent-requests.js';
import { Gate } from '../../support/gate.js';
import { request } from '../../support/samples.js';

const SMALL: StoredRequest = { request, characters: JSON.stringify(request).length };

/** Returns this request for every id, and records the ids. */
function storeOf(stored: StoredRequest) {
  const asked: (readonly string[])[] = [];
  const read = async (ids: readonly string[]) => {
    asked.push(ids);
    return new Map(ids.map((id) => [id, stored]));
  };
  return { asked, read };
}

test('only those that are not kept are read', async () => {
  const recent = new RecentRequests();
  const { asked, read } = storeOf(SMALL);
  await recent.read(['a', 'b'], read);
  expect(await recent.read(['b', 'c'], read)).toEqual(
    new Map([
      ['b', SMALL],
      ['c', SMALL],
    ]),
  );
  recent.forget(['b']);
  await recent.read(['a', 'b', 'c'], read);
  expect(asked).toEqual([['a', 'b'], ['c'], ['b']]);
});

test('that of a new job is kept as a copy, and need not be read', async () => {
  const recent = new RecentRequests();
  const { asked, read } = storeOf(SMALL);
  recent.created('a', request);
  const found = await recent.read(['a'], read);
  expect(found).toEqual(new Map([['a', SMALL]]));
  expect(found.get('a')?.request).not.toBe(request);
  expect(asked).toEqual([]);
});

test('what was read while a write ended is not kept: it may be of before', async () => {
  const recent = new RecentRequests();
  const { asked, read } = storeOf(SMALL);
  const gate = new Gate();
  const reading = recent.read(['a'], async (ids) => {
    await gate.pass();
    return read(ids);
  });
  await gate.arrived();
  recent.forget(['a']);
  gate.open();
  expect(await reading).toEqual(new Map([['a', SMALL]]));
  await recent.read(['a'], read);
  expect(asked).toEqual([['a'], ['a']]);
});

test('long ones are few', async () => {
  const recent = new RecentRequests();
  const { asked, read } = storeOf({ request, characters: 400_000 });
  const ids = Array.from({ length: 300 }, (_, i) => String(i));
  await recent.read(ids, read);
  await recent.read(ids, read);
  const kept = 300 - (asked[1]?.length ?? 0);
  expect(kept).toBeGreaterThan(5);
  expect(kept).toBeLessThan(20);
});

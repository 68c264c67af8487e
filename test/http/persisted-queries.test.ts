import { expect, test } from 'vitest';
import { PersistedTexts } from '../../src/http/persisted-queries.js';

test('of persisted queries no more are kept than there is room for, however short they are', async () => {
  const { cache } = new PersistedTexts().forApollo;
  for (let nth = 0; nth < 25_000; nth += 1) await cache?.set(`hash ${nth}`, '{a}');
  expect(await cache?.get('hash 24999')).toBe('{a}');
  expect(await cache?.get('hash 5000')).toBeUndefined();
});

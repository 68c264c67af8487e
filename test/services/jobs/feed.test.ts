import { describe, expect, test } from 'vitest';
import { Feed } from '../../../src/services/jobs/feed.js';

function feedOf(limit = 3) {
  const ends: string[] = [];
  return { feed: new Feed<number>(limit, () => ends.push('end')), ends };
}

async function taken(feed: Feed<number>): Promise<number[]> {
  const items: number[] = [];
  for await (const item of feed) items.push(item);
  return items;
}

describe('a feed', () => {
  test('gives what was pushed before and after it was asked, in order', async () => {
    const { feed } = feedOf();
    feed.push(1);
    const all = taken(feed);
    feed.push(2);
    await Promise.resolve();
    feed.push(3);
    feed.complete();
    expect(await all).toEqual([1, 2, 3]);
  });

  test('keeps the newest for a follower who does not keep up', async () => {
    const { feed } = feedOf(3);
    for (let i = 1; i <= 1000; i++) feed.push(i);
    feed.complete();
    expect(await taken(feed)).toEqual([998, 999, 1000]);
  });

  test('replaces everything by one item for a follower who does not keep up, if it may leave nothing out', async () => {
    const feed = new Feed<number>(3, () => {}, undefined, { overflow: (newest) => -newest });
    for (let i = 1; i <= 5; i++) feed.push(i);
    feed.complete();
    expect(await taken(feed)).toEqual([-4, 5]);
  });

  test('answers several who ask at once, in the order of their asking', async () => {
    const { feed } = feedOf();
    const asked = [feed.next(), feed.next(), feed.next()];
    feed.push(1);
    feed.push(2);
    feed.complete();
    expect(await Promise.all(asked)).toEqual([
      { value: 1, done: false },
      { value: 2, done: false },
      { value: undefined, done: true },
    ]);
  });

  test('lets go of its sources as soon as it takes nothing more, though nobody takes what is left', async () => {
    for (const end of ['complete', 'fail'] as const) {
      const { feed, ends } = feedOf();
      feed.push(1);
      feed[end](new Error('store'));
      expect(ends).toEqual(['end']);
      expect(await feed.next()).toEqual({ value: 1, done: false });
      expect(ends).toEqual(['end']);
    }
  });

  test('takes nothing after it was completed', async () => {
    const { feed } = feedOf();
    feed.push(1);
    feed.complete();
    feed.push(2);
    feed.complete();
    feed.fail(new Error('late'));
    expect(await taken(feed)).toEqual([1]);
  });

  test('fails after what was pushed before the failure, once, and is over then', async () => {
    const { feed, ends } = feedOf();
    feed.push(1);
    feed.fail(new Error('store'));
    expect(await feed.next()).toEqual({ value: 1, done: false });
    await expect(feed.next()).rejects.toThrow('store');
    expect(await feed.next()).toEqual({ value: undefined, done: true });
    expect(ends).toEqual(['end']);
  });

  test('fails for whoever comes next, when nobody waits and nothing is left', async () => {
    const { feed, ends } = feedOf();
    feed.fail(new Error('store'));
    await expect(feed.next()).rejects.toThrow('store');
    expect(await feed.next()).toEqual({ value: undefined, done: true });
    expect(ends).toEqual(['end']);
  });

  test('fails for one who waits already', async () => {
    const { feed, ends } = feedOf();
    const waiting = feed.next();
    feed.fail(new Error('store'));
    await expect(waiting).rejects.toThrow('store');
    expect(await feed.next()).toEqual({ value: undefined, done: true });
    expect(ends).toEqual(['end']);
  });

  test('ends at once for one who waits, when the follower leaves', async () => {
    const { feed, ends } = feedOf();
    const waiting = feed.next();
    expect(await feed.return()).toEqual({ value: undefined, done: true });
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(ends).toEqual(['end']);
    expect(feed.ended).toBe(true);
  });

  test('forgets what a follower who left has not taken', async () => {
    const { feed, ends } = feedOf();
    feed.push(1);
    await feed.return();
    await feed.return();
    feed.push(2);
    expect(await taken(feed)).toEqual([]);
    expect(ends).toEqual(['end']);
  });

  test('ends with the error that is thrown into it', async () => {
    const { feed, ends } = feedOf();
    await expect(feed.throw(new Error('client'))).rejects.toThrow('client');
    expect(await feed.next()).toEqual({ value: undefined, done: true });
    expect(ends).toEqual(['end']);
  });
});

describe('a feed that gives in turn', () => {
  function inTurnOf(limit = 3) {
    const line: (() => void)[] = [];
    const feed = new Feed<number>(
      limit,
      () => {},
      (give) => line.push(give),
    );
    return { feed, next: () => line.shift()?.(), line };
  }

  test('stands in line once for what there is, and gives the newest of it', async () => {
    const { feed, next, line } = inTurnOf(2);
    const first = feed.next();
    for (const item of [1, 2, 3]) feed.push(item);
    expect(line).toHaveLength(1);
    next();
    expect(await first).toEqual({ value: 2, done: false });
    const second = feed.next();
    feed.complete();
    next();
    expect(await second).toEqual({ value: 3, done: false });
    expect(await feed.next()).toEqual({ value: undefined, done: true });
    expect(line).toEqual([]);
  });

  test('gives nothing any more to who left meanwhile', async () => {
    const { feed, next } = inTurnOf();
    const waiting = feed.next();
    feed.push(1);
    await feed.return();
    expect(await waiting).toEqual({ value: undefined, done: true });
    next();
    expect(await feed.next()).toEqual({ value: undefined, done: true });
  });

  test('fails, or ends, for all who wait when the last item was given', async () => {
    const failing = inTurnOf();
    const [item, failure] = [failing.feed.next(), failing.feed.next()];
    failing.feed.push(1);
    failing.feed.fail(new Error('the store is gone'));
    failing.next();
    expect(await item).toEqual({ value: 1, done: false });
    await expect(failure).rejects.toThrow('the store is gone');
  });
});

import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { EventTurns } from '../../../src/services/limits/event-turns.js';

/** Including the fixed cost per event, two of these exceed one turn's room. */
const DEAR = 9500;

let turns: EventTurns;
let given: string[];

beforeEach(() => {
  turns = new EventTurns();
  given = [];
});

/** What an event does after its turn has come: read this many bytes. */
async function read(name: string, bytes: number): Promise<void> {
  await turns.read({ tenant: name.charAt(0), onlyJob: null }, bytes);
  given.push(name);
}

function take(name: string, cost = DEAR, onlyJob: string | null = null): void {
  turns.take({ tenant: name.charAt(0), onlyJob }, cost, () => given.push(name));
}

/** The events delivered by the next turn. */
async function nextTurn(): Promise<readonly string[]> {
  await setImmediate();
  return given.splice(0);
}

describe('Events', () => {
  test('of few followers are given at once, thousands of a tenant in many turns and in order', async () => {
    take('a1', 20);
    expect(given).toEqual(['a1']);
    for (let i = 0; i < 100; i++) take(`b${i}`, 20);
    const turnsTaken: number[] = [];
    while (given.length < 101) {
      turnsTaken.push(given.length);
      await setImmediate();
    }
    expect(turnsTaken.length).toBeGreaterThan(1);
    expect(given.slice(1)).toEqual(Array.from({ length: 100 }, (_, i) => `b${i}`));
  });

  test('of a tenant come in turn with those of others, however many it waits for', async () => {
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) take(name);
    take('b1');
    take('c1');
    expect(await nextTurn()).toEqual(['a1', 'a2', 'a3', 'b1']);
    expect(await nextTurn()).toEqual(['c1', 'a4']);
    expect(await nextTurn()).toEqual(['a5']);
  });

  test('of the tokens of one job come in turn with those of the tenant itself', async () => {
    for (const name of ['a1', 'a2', 'a3', 'a4']) take(name, DEAR, 'job');
    take('a of the tenant');
    expect(await nextTurn()).toEqual(['a1', 'a2', 'a3', 'a of the tenant']);
    expect(await nextTurn()).toEqual(['a4']);
  });

  test('are given at once again when there was a turn for nobody', async () => {
    take('a1');
    take('a2');
    await nextTurn();
    await setImmediate();
    take('a3');
    expect(given).toEqual(['a3']);
  });

  test('for which much is read take a turn each, between the others; for which little is read, none', async () => {
    for (const name of ['a1', 'a2']) void read(name, 64 * 1024 + 1);
    for (const name of ['a3', 'a4']) void read(name, 64 * 1024);
    take('b1', 20);
    await Promise.resolve();
    expect(given.splice(0)).toEqual(['a1', 'a3', 'a4']);
    expect(await nextTurn()).toEqual(['a2']);
    expect(await nextTurn()).toEqual(['b1']);
  });
});

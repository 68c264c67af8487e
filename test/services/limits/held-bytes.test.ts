import { describe, expect, test } from 'vitest';
import { HeldBytes } from '../../../src/services/limits/held-bytes.js';

const caller = (tenant: string, onlyJob: string | null = null) => ({ tenant, onlyJob });

/** How many bytes the caller gets when taking them one by one. */
function taken(held: HeldBytes, tenant: string, onlyJob: string | null = null): number {
  const holding = held.open(caller(tenant, onlyJob));
  while (holding.add(1)) {}
  return holding.bytes;
}

describe('Bytes that are held for callers', () => {
  test('are half of what the others leave free for each tenant', () => {
    const held = new HeldBytes(64, 0);
    expect([taken(held, 'acme'), taken(held, 'globex'), taken(held, 'initech')]).toEqual([32, 16, 8]);
    expect(taken(held, 'acme')).toBe(0);
  });

  test('are those of the tenant where follow tokens hold them, however many there are', () => {
    const held = new HeldBytes(64, 0);
    expect(['1', '2', '3', '4'].map((job) => taken(held, 'acme', job))).toEqual([16, 8, 4, 2]);
    expect(taken(held, 'acme')).toBe(2);
    expect(taken(held, 'globex')).toBe(16);
  });

  test('are free for the next when they are given back', () => {
    const held = new HeldBytes(64, 0);
    const one = held.open(caller('acme', '1'));
    expect([one.add(17), one.add(16), one.add(1)]).toEqual([false, true, false]);
    one.release();
    one.release();
    expect(taken(held, 'acme')).toBe(32);
  });

  test('are given back once by a request that ends while work on it goes on', () => {
    const held = new HeldBytes(64, 0);
    const one = held.open(caller('acme'));
    expect(one.add(20)).toBe(true);
    one.end();
    one.remove(15);
    expect([one.add(1), one.bytes]).toEqual([false, 0]);
    one.end();
    expect([taken(held, 'acme'), taken(held, 'globex')]).toEqual([32, 16]);
  });

  test('are a little for each tenant whatever the others hold, and its own whatever its tokens hold', () => {
    const held = new HeldBytes(64, 3);
    const jobs = ['1', '2', '3', '4', '5', '6'];
    const tenants = ['acme', 'globex', 'initech', 'umbrella', 'hooli', 'wayne', 'stark'];
    for (const tenant of tenants) for (const job of jobs) taken(held, tenant, job);
    for (const tenant of tenants) expect([tenant, taken(held, tenant)]).toEqual([tenant, 3]);
    expect(taken(held, 'tyrell', '1')).toBe(3);
    expect([taken(held, 'tyrell', '2'), taken(held, 'tyrell'), taken(held, 'tyrell')]).toEqual([0, 3, 0]);
  });

  test('are given back also by those who hold a little beyond what there is', () => {
    const held = new HeldBytes(4, 3);
    const holdings = ['acme', 'globex', 'initech', 'umbrella'].map((tenant) => held.open(caller(tenant)));
    expect(holdings.map((one) => one.add(3))).toEqual([true, true, true, true]);
    for (const one of holdings) one.release();
    expect(holdings.map((one) => one.bytes)).toEqual([0, 0, 0, 0]);
    expect(taken(held, 'hooli', '1')).toBe(3);
  });
});

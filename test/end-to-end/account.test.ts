/** The account as a dashboard sees it. */
import { afterEach, describe, expect, it } from 'vitest';
import { ask, dataOf, errorOf, submit } from '../support/caller.js';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

afterEach(() => gateway.stop());

describe('account', () => {
  const ACCOUNT = '{ account { credit slots { limit used waiting } } }';
  type Account = { account: { credit: number; slots: { limit: number; used: number; waiting: number } } };
  const look = async () => (await dataOf(ask<Account, unknown>(gateway.url, ACCOUNT))).account;

  it('tells the credit, asked for once however many look, and the use of the slots', async () => {
    gateway = await startGateway({ sandbox: { queueMs: 60_000 } });
    const gate = gateway.sandbox.hold('credit');
    const looking = [look(), look(), look()];
    await gate.arrived;
    gate.release();
    for (const account of await Promise.all(looking)) {
      expect(account).toEqual({ credit: 4000, slots: { limit: 3, used: 0, waiting: 0 } });
    }
    for (let i = 0; i < 4; i += 1) await submit(gateway.url);
    expect((await look()).slots).toEqual({ limit: 3, used: 3, waiting: 1 });
    expect(gateway.sandbox.requests.credit).toBe(1);
  });

  it('tells what is left after a job', async () => {
    gateway = await startGateway();
    await submit(gateway.url);
    expect((await look()).credit).toBe(3996);
  });

  it('tells the use of the slots without asking Akool, which may be away', async () => {
    gateway = await startGateway();
    gateway.sandbox.setFaults({ rates: { credit: { error: 1 } } });
    const { account } = await dataOf(
      ask<Account, unknown>(gateway.url, '{ account { slots { limit used waiting } } }'),
    );
    expect(account).toEqual({ slots: { limit: 3, used: 0, waiting: 0 } });
    expect(gateway.sandbox.requests.credit).toBe(0);
  });

  it.each([
    [{ fault: 'reset' }, /could not be reached .* try again later/],
    [{ fault: 'error' }, /could not be reached .* try again later/],
    [{ fault: 'garbage' }, /could not be read; try again later/],
    [{ fault: 'too-many-requests' }, /no more calls at the moment; try again later/],
    // A refusal, as of a wrong key, does not pass by waiting.
    [{ fault: 'refuse', code: 1101 }, /refuses the gateway's account; its operator has to look into it/],
    [{ fault: 'refuse', code: 1102 }, /refuses the gateway's account; its operator has to look into it/],
    [{ fault: 'refuse', code: 4711 }, /refuses the gateway's call; its operator has to look into it/],
  ] as const)('says PROVIDER_UNAVAILABLE on %j, logs why, and does not remember it', async (fault, words) => {
    const logged = recordedLog();
    gateway = await startGateway({ overrides: { log: logged.log } });
    gateway.sandbox.setFaults({ script: [{ on: 'credit', ...fault }] });
    const error = await errorOf(ask(gateway.url, ACCOUNT));
    expect(error.extensions?.code).toBe('PROVIDER_UNAVAILABLE');
    expect(error.message).toMatch(words);
    expect(logged.lines).toContainEqual(expect.objectContaining({ msg: 'Akool did not tell the balance' }));
    expect((await look()).credit).toBe(4000);
  });
});

/** A list that is read again just when new jobs come. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { submit } from '../../../test/support/caller.js';
import { Gate } from '../../../test/support/gate.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { closeClients, newClient } from './support.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' } });
});
afterAll(async () => {
  closeClients();
  await gateway.stop();
});

it('keeps the rows that were there', async () => {
  const ids = [(await submit(gateway.url)).id, (await submit(gateway.url)).id];
  const gate = new Gate();
  let reads = 0;
  const client = newClient(gateway.url, {
    fetch: async (url, init) => {
      // The second reading, which CURRENT asks for, is late.
      if (String(init?.body).includes('answer:jobs(') && ++reads === 2) await gate.pass();
      return fetch(url, init);
    },
  });
  const list = client.followAll({ pageSize: 2 });
  const shown = () => list.getSnapshot().jobs.map(({ id }) => id);
  const stop = list.subscribe(() => {});
  await gate.arrived();
  expect(shown()).toEqual([ids[1], ids[0]]);
  ids.push((await submit(gateway.url)).id);
  await expect.poll(shown).toEqual([ids[2], ids[1], ids[0]]);
  gate.open();
  await expect.poll(() => reads).toBe(3);
  await expect.poll(() => list.getSnapshot().hasMore).toBe(false);
  expect(shown()).toEqual([ids[2], ids[1], ids[0]]);
  stop();
});

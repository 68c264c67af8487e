/** Concurrent requests for `/metrics`. */
import fastify from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { probeRoutes } from '../../src/http/probes.js';
import { Gate, until } from '../support/gate.js';

it('are gathered once for all who ask meanwhile, and anew for who asks then', async () => {
  const metrics = new Registry();
  const gate = new Gate();
  let gathered = 0;
  metrics.registerMetric(
    new Gauge({
      name: 'gathered',
      help: 'How often.',
      registers: [],
      collect: async function () {
        gathered += 1;
        this.set(gathered);
        await gate.pass();
      },
    }),
  );
  const app = fastify();
  let asked = 0;
  app.addHook('preHandler', (_request, _reply, done) => {
    asked += 1;
    done();
  });
  await app.register(probeRoutes({ readiness: async () => 'ok', metrics, metricsToken: null }));
  const get = async (): Promise<string> => (await app.inject('/metrics')).payload;
  const answers = Promise.all([get(), get(), get()]);
  await until(() => asked === 3);
  gate.open();
  const [first, ...others] = await answers;
  expect(first).toMatch(/^gathered 1$/m);
  expect(others).toEqual([first, first]);
  expect(await get()).toMatch(/^gathered 2$/m);
  await app.close();
});

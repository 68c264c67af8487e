/** How much an event stream takes from its source while its client does not read. */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import Fastify from 'fastify';
import { buildSchema } from 'graphql';
import { expect, onTestFinished, test } from 'vitest';
import { Engine } from '../../src/graphql/engine.js';
import { DEFAULT_LIMITS } from '../../src/graphql/query-limits.js';
import { RateLimits } from '../../src/graphql/rate-limits.js';
import { askFirst } from '../../src/http/callers.js';
import { EventStreams, eventStreamRoute } from '../../src/http/event-stream.js';
import { PersistedTexts } from '../../src/http/persisted-queries.js';
import type { CallerContext } from '../../src/resolvers/context.js';
import { HeardBytes } from '../../src/services/limits/heard-bytes.js';
import { HeldBytes } from '../../src/services/limits/held-bytes.js';
import { until } from '../support/gate.js';

/** More than the buffers at both ends hold. */
const LARGE = 'x'.repeat(15 * 1024 * 1024);
const EVENTS = 3;

test('one event, until that is read', async () => {
  const schema = buildSchema('type Query { a: ID } type Subscription { text: String }');
  let taken = 0;
  Object.assign(schema.getSubscriptionType()?.getFields()['text'] ?? {}, {
    subscribe: async function* () {
      for (; taken < EVENTS; taken += 1) yield { text: LARGE };
    },
  });
  const caller = { tenant: 'acme', expiresAt: null, onlyJob: null };
  // Only the caller is needed here.
  const context = async () => ({ caller }) as unknown as CallerContext;
  const app = Fastify();
  onTestFinished(() => app.close());
  const rates = new RateLimits({ queriesPerMinute: null, mutationsPerMinute: null });
  const engine = new Engine({
    schema,
    limits: DEFAULT_LIMITS,
    rates,
    trusted: null,
    introspection: true,
    maxSubscriptions: 100,
    answers: new HeldBytes(1024 * 1024 * 1024),
    reportUnexpected: () => {},
  });
  const onRequest = askFirst(app, context, new HeldBytes(1024 * 1024), new HeardBytes());
  eventStreamRoute(
    app,
    new EventStreams(app, {
      engine,
      persisted: new PersistedTexts(),
      reportUnexpected: () => {},
      maxStreams: 1,
    }),
    onRequest,
  );
  await app.listen({ host: '127.0.0.1', port: 0 });

  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  client.write(
    'GET /graphql/stream?query=subscription%7Btext%7D HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n',
  );
  // It has begun, and the rest exceeds the system's buffers.
  await once(client, 'readable');
  expect(String(client.read())).toMatch(/^HTTP\/1\.1 200 /);
  for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
  // The source's code runs on only when a second event is requested.
  expect(taken).toBe(0);
  client.resume();
  await until(() => taken === EVENTS);
});

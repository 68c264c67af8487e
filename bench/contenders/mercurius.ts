/**
 * Mercurius on Fastify with its own subscriptions, as its documentation puts them together. Its JIT stays off,
 * because it answers wrongly where fragments carry directives.
 */
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { JobMap } from './job-map.js';
import { readTypeDefs, resolversOf, topicOf, type Update } from './resolvers.js';
import { readSettings } from './settings.js';
import { takeWebhook } from './webhook-door.js';

/** What Mercurius puts into the context of a subscription; its own type has no place for what is told. */
interface Topics {
  subscribe(topic: string): Promise<AsyncIterable<Update>>;
}

const settings = readSettings();
const jobs = new JobMap(settings);
const app = Fastify();

await app.register(mercurius, {
  schema: readTypeDefs(settings),
  resolvers: resolversOf(jobs, (topic, context) =>
    (context as { readonly pubsub: Topics }).pubsub.subscribe(topic),
  ) as never,
  subscription: true,
});

app.get('/readyz', async () => ({}));
await app.register(async (door) => {
  // As on the other servers, the body is read by whoever takes the webhook.
  door.removeAllContentTypeParsers();
  door.addContentTypeParser('*', (_request, _body, done) => done(null));
  door.post('/webhooks/akool/:token', (request, reply) => {
    reply.hijack();
    takeWebhook(request.raw, reply.raw, (token, event) => {
      const job = jobs.deliver(token, event);
      if (job !== null) {
        app.graphql.pubsub.publish({ topic: topicOf(job.id), payload: { jobUpdated: job } });
      }
      return job !== null;
    });
  });
});
await app.listen({ port: settings.port, host: '127.0.0.1' });

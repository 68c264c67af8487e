/**
 * Mercurius on Fastify with its own subscriptions, set up as its documentation shows. Its JIT is off, because
 * it answers wrongly where fragments carry directives.
 */
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { JobMap } from './job-map.js';
import { readTypeDefs, resolversOf, topicOf, type Update } from './resolvers.js';
import { readSettings } from './settings.js';
import { takeWebhook } from './webhook-door.js';

/** What Mercurius puts into a subscription's context; its own type cannot describe our updates. */
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
  // As on the other servers, `takeWebhook` reads the body itself.
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

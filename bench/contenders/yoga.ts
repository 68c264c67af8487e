/** GraphQL Yoga on Node's own server with graphql-ws subscriptions, set up as documented. */
import { createServer } from 'node:http';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { JobMap } from './job-map.js';
import { readTypeDefs, resolversOf, topicOf, type Update } from './resolvers.js';
import { readSettings } from './settings.js';
import { answer, takeWebhook, WEBHOOKS } from './webhook-door.js';

const settings = readSettings();
const jobs = new JobMap(settings);
const topics = createPubSub<Record<string, [Update]>>();

const yoga = createYoga({
  schema: createSchema({
    typeDefs: readTypeDefs(settings),
    resolvers: resolversOf(jobs, (topic) => topics.subscribe(topic)),
  }),
  graphiql: { subscriptionsProtocol: 'WS' },
});

const httpServer = createServer((request, response) => {
  const { url = '' } = request;
  if (url === '/readyz') return answer(response, 200, '{}');
  if (!url.startsWith(WEBHOOKS)) return void yoga(request, response);
  takeWebhook(request, response, (token, event) => {
    const job = jobs.deliver(token, event);
    if (job !== null) topics.publish(topicOf(job.id), { jobUpdated: job });
    return job !== null;
  });
});
const wsServer = new WebSocketServer({ server: httpServer, path: yoga.graphqlEndpoint });

type Enveloped = ReturnType<typeof yoga.getEnveloped>;

useServer(
  {
    execute: (args) => (args as unknown as { rootValue: Enveloped }).rootValue.execute(args),
    subscribe: (args) => (args as unknown as { rootValue: Enveloped }).rootValue.subscribe(args),
    onSubscribe: async (ctx, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...ctx,
        req: ctx.extra.request,
        socket: ctx.extra.socket,
        params,
      });
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      };
      const errors = validate(args.schema, args.document);
      return errors.length > 0 ? errors : args;
    },
  },
  wsServer,
);
httpServer.listen(settings.port, '127.0.0.1');

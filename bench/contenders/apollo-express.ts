/** Apollo Server on Express with subscriptions over graphql-ws, set up as their documentation shows. */
import { createServer } from 'node:http';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import { makeExecutableSchema } from '@graphql-tools/schema';
import cors from 'cors';
import express from 'express';
import { PubSub } from 'graphql-subscriptions';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { JobMap } from './job-map.js';
import { readTypeDefs, resolversOf, topicOf, type Update } from './resolvers.js';
import { readSettings } from './settings.js';
import { answer, takeWebhook } from './webhook-door.js';

const settings = readSettings();
const jobs = new JobMap(settings);
const topics = new PubSub<Record<string, Update>>();

const schema = makeExecutableSchema({
  typeDefs: readTypeDefs(settings),
  resolvers: resolversOf(jobs, (topic) => topics.asyncIterableIterator(topic)),
});

const app = express();
const httpServer = createServer(app);
const wsServer = new WebSocketServer({ server: httpServer, path: '/graphql' });
const serverCleanup = useServer({ schema }, wsServer);

const server = new ApolloServer({
  schema,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer }),
    {
      serverWillStart: async () => ({
        drainServer: async () => {
          await serverCleanup.dispose();
        },
      }),
    },
  ],
});
await server.start();

app.get('/readyz', (_request, response) => answer(response, 200, '{}'));
app.post('/webhooks/akool/:token', (request, response) =>
  takeWebhook(request, response, (token, event) => {
    const job = jobs.deliver(token, event);
    if (job !== null) void topics.publish(topicOf(job.id), { jobUpdated: job });
    return job !== null;
  }),
);
app.use('/graphql', cors(), express.json(), expressMiddleware(server));
httpServer.listen(settings.port, '127.0.0.1');

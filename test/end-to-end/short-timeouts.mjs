/** Loaded into a gateway before everything else, so that its HTTP server waits only TIMEOUT_MS for a request. */
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

const { createServer } = http;
const timeout = Number(process.env.TIMEOUT_MS);

http.createServer = (options, ...rest) =>
  createServer(
    {
      ...options,
      requestTimeout: timeout,
      headersTimeout: timeout,
      connectionsCheckingInterval: timeout / 4,
    },
    ...rest,
  );
syncBuiltinESMExports();

/** `GET /healthz` (alive), `/readyz` (able to serve) and `/metrics` (Prometheus). */
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';

export interface ProbeOptions {
  /** Rejects while the gateway can't serve: a store or bus that does not answer, or a stop under way. */
  readonly ready: () => Promise<void>;
  readonly metrics: Registry;
}

export function probeRoutes({ ready, metrics }: ProbeOptions): FastifyPluginAsync {
  return async (app) => {
    app.get('/healthz', async () => ({ status: 'ok' }));
    app.get('/readyz', async (request, reply) => {
      try {
        await ready();
        return { status: 'ok' };
      } catch (error) {
        request.log.warn({ err: error }, 'not ready');
        return reply.code(503).send({ status: 'unavailable' });
      }
    });
    app.get('/metrics', async (_request, reply) => {
      return reply.type(metrics.contentType).send(await metrics.metrics());
    });
  };
}

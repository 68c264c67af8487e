/** `GET /healthz` (alive), `/readyz` (able to serve) and `/metrics` (Prometheus). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';

export interface ProbeOptions {
  readonly isStopping: () => boolean;
  /** Rejects while the gateway can't serve: a store or bus that does not answer. */
  readonly ready: () => Promise<void>;
  readonly metrics: Registry;
  /** What `/metrics` wants as a bearer token; null: nothing. */
  readonly metricsToken: string | null;
}

export function probeRoutes({ isStopping, ready, metrics, metricsToken }: ProbeOptions): FastifyPluginAsync {
  return async (app) => {
    app.get('/healthz', async () => ({ status: 'ok' }));
    app.get('/readyz', async (request, reply) => {
      try {
        if (isStopping()) return reply.code(503).send({ status: 'stopping' });
        await ready();
        return { status: 'ok' };
      } catch (error) {
        request.log.warn({ err: error }, 'not ready');
        return reply.code(503).send({ status: 'unavailable' });
      }
    });
    app.get('/metrics', async (request, reply) => {
      if (metricsToken !== null && !isBearer(request.headers.authorization, metricsToken)) {
        return reply.code(401).header('www-authenticate', 'Bearer').send({ status: 'unauthorized' });
      }
      return reply.type(metrics.contentType).send(await metrics.metrics());
    });
  };
}

function isBearer(authorization: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`));
}

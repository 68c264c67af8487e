/** `GET /healthz` (alive), `/readyz` (able to serve) and `/metrics` (Prometheus). */
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import { inTime } from '../in-time.js';
import type { Readiness } from '../services/health.js';

export interface ProbeOptions {
  readonly readiness: () => Promise<Readiness | 'stopping'>;
  readonly metrics: Registry;
  /** The bearer token for `/metrics`; null if none is needed. */
  readonly metricsToken: string | null;
}

/** Metrics that take longer are left out. */
const FIGURE_MS = 1500;

export function probeRoutes({ readiness, metrics, metricsToken }: ProbeOptions): FastifyPluginAsync {
  let underWay: Promise<string> | null = null;
  /** Concurrent probes share one answer. */
  const figures = (): Promise<string> => {
    underWay ??= figuresOf(metrics).finally(() => {
      underWay = null;
    });
    return underWay;
  };
  return async (app) => {
    app.get('/healthz', async () => ({ status: 'ok' }));
    app.get('/readyz', async (_request, reply) => {
      const status = await readiness();
      return reply.code(isServing(status) ? 200 : 503).send({ status });
    });
    app.get('/metrics', async (request, reply) => {
      if (metricsToken !== null && !isBearer(request.headers.authorization, metricsToken)) {
        return reply.code(401).header('www-authenticate', 'Bearer').send({ status: 'unauthorized' });
      }
      return reply.type(metrics.contentType).send(await figures());
    });
  };
}

function isServing(status: Readiness | 'stopping'): boolean {
  switch (status) {
    case 'ok':
    case 'degraded':
      return true;
    case 'unavailable':
    case 'stopping':
      return false;
  }
}

/** Collects what is available: a metric that fails while the database is down must not affect the others. */
async function figuresOf(metrics: Registry): Promise<string> {
  const figures = metrics.getMetricsAsArray().map(async ({ name }) => {
    try {
      return await inTime(metrics.getSingleMetricAsString(name), FIGURE_MS, '');
    } catch {
      return '';
    }
  });
  return `${(await Promise.all(figures)).filter((text) => text !== '').join('\n\n')}\n`;
}

function isBearer(authorization: string | undefined, token: string): boolean {
  const digest = (text: string) => hash('sha256', text, 'buffer');
  return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`));
}

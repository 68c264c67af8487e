/** Endpoints that Akool does not have, for inspecting the sandbox and making it fail. See docs/sandbox.md. */
import type { FastifyInstance } from 'fastify';
import { FaultPlanError, readFaultPlan } from './fault-plan.js';
import { Refusal } from './refusal.js';
import { record } from './swap-request.js';
import type { Twin } from './twin.js';

export function addAdminRoutes(app: FastifyInstance, twin: Twin): void {
  app.get('/sandbox/state', () => ({
    credit: twin.ledger.credit,
    concurrency: twin.ledger.concurrency,
    peakConcurrency: twin.ledger.peakConcurrency,
    maxConcurrency: twin.maxConcurrency,
    requests: twin.requests,
    faults: twin.faults.plan,
    jobs: twin.ledger.jobs,
    bills: twin.ledger.bills,
    deliveries: twin.courier.deliveries,
  }));

  app.get('/sandbox/faults', () => twin.faults.plan);

  app.put('/sandbox/faults', (request, reply) => {
    try {
      twin.faults.set(readFaultPlan(request.body));
      return twin.faults.plan;
    } catch (error) {
      if (!(error instanceof FaultPlanError)) throw error;
      return reply.code(400).send({ code: 1003, msg: error.message, mistakes: error.mistakes });
    }
  });

  app.post('/sandbox/reset', () => {
    twin.reset();
    return { credit: twin.ledger.credit };
  });

  app.post('/sandbox/expire-tokens', () => {
    twin.expireTokens();
    return { expired: true };
  });

  app.post('/sandbox/credit', (request) => {
    const { credit } = record(request.body ?? {}, 'body');
    if (typeof credit !== 'number' || !Number.isFinite(credit) || credit < 0)
      throw new Refusal(1003, 'credit must be a number of at least 0', 400);
    twin.ledger.credit = credit;
    return { credit };
  });

  app.post<{ Params: { id: string } }>('/sandbox/jobs/:id/finish', (request) => {
    const { status = 3 } = record(request.body ?? {}, 'body');
    if (status !== 3 && status !== 4)
      throw new Refusal(1003, 'status must be 3 (success) or 4 (failed)', 400);
    const job = twin.ledger.job(request.params.id);
    if (!job) throw new Refusal(1008, undefined, 404);
    if (!twin.generation.finish(job, status)) throw new Refusal(1011, 'The job has already ended', 409);
    return job;
  });
}

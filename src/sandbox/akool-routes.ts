/** Akool's own endpoints. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { detectFaces, detectionRefused } from './face-detection.js';
import type { CallPoint } from './fault-plan.js';
import { type Trigger, triggersIn } from './faults.js';
import type { SandboxJob } from './job.js';
import { misbehave, misbehaveAfterAcceptance, misbehaveBeforeAcceptance } from './misbehaviour.js';
import { priceOf, videoSeconds } from './price.js';
import { Refusal } from './refusal.js';
import { readSwapOrder, record, type SwapKind } from './swap-request.js';
import type { Twin } from './twin.js';
import { webAddress } from './web-address.js';

export function addAkoolRoutes(app: FastifyInstance, twin: Twin): void {
  app.post('/api/open/v4/faceswap/faceswapByImage', (request, reply) => submit('pro', request, reply));
  app.post('/api/open/v4/faceswap/faceswapPlusByImage', (request, reply) => submit('plus', request, reply));

  app.get('/api/open/v3/faceswap/result/listbyids', (request, reply) =>
    call('results', request, reply, () => {
      const ids = readIds(record(request.query, 'query')['_ids']);
      const result = ids.flatMap((id) => twin.ledger.job(id) ?? []).map(resultOf);
      return { code: 1000, msg: 'OK', data: { result } };
    }),
  );

  app.post('/api/open/v3/faceswap/result/delbyids', (request, reply) =>
    call('delete', request, reply, () => {
      const ids = readIds(record(request.body, 'body')['_ids']);
      twin.ledger.delete(ids);
      twin.results.forget(ids);
      return { code: 1000, msg: 'OK' };
    }),
  );

  app.get('/api/open/v3/faceswap/quota/info', (request, reply) =>
    call('credit', request, reply, () => ({ code: 1000, msg: 'OK', data: { credit: twin.ledger.credit } })),
  );

  app.post('/api/open/v3/getToken', (request, reply) =>
    call('token', request, reply, () => {
      const { clientId, clientSecret } = record(request.body, 'body');
      return { code: 1000, msg: 'OK', token: twin.credentials.issueToken(clientId, clientSecret) };
    }),
  );

  app.post('/interface/detect-api/detect_faces', async (request, reply) => {
    try {
      return await call('detect', request, reply, () =>
        detectFaces(request.body, (name) => twin.address(`/faces/${name}`)),
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return reply.code(error.httpStatus).send(detectionRefused(error));
    }
  });

  /** In the same order as Akool: authenticate, parse, check, accept and bill, answer. */
  async function submit(kind: SwapKind, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    twin.requests[kind]++;
    twin.credentials.check(request.headers);
    const order = readSwapOrder(kind, request.body);
    const triggers = triggersIn(order.urls);
    const price = priceOf(order, twin.prices);
    const strike = twin.faults.strike('submit', triggers);
    await twin.gates.pass('submit');
    if (await misbehaveBeforeAcceptance(strike, reply, twin.timers)) return reply;

    const faceless = order.urls.some((url) => /no-?face/i.test(new URL(url).pathname));
    const job = twin.ledger.accept(order, price, {
      queueMs: twin.queueMs,
      processMs: twin.processMs,
      stalls: strike.has('stall'),
      outcome: faceless || strike.has('generation-fails') ? 4 : 3,
      reason: strike.text('generation-fails'),
      oddAddress: strike.has('odd-address') ? strike.text('odd-address') : null,
      triggers,
    });
    twin.generation.begin(job);

    await twin.gates.pass('accepted');
    if (misbehaveAfterAcceptance(strike, reply)) return reply;
    return { code: 1000, msg: 'OK', data: { _id: job.id, job_id: job.jobId } };
  }

  async function call(
    point: Exclude<CallPoint, 'media'>,
    request: FastifyRequest,
    reply: FastifyReply,
    answer: () => unknown,
  ): Promise<unknown> {
    twin.requests[point]++;
    if (point !== 'token') twin.credentials.check(request.headers);
    const strike = twin.faults.strike(point, point === 'detect' ? detectTriggers(request.body) : []);
    await twin.gates.pass(point);
    return (await misbehave(strike, reply, twin.timers)) ? reply : answer();
  }

  function resultOf(job: SandboxJob) {
    const seconds = job.media === 'video' ? videoSeconds(job.targetUrl) : 0;
    return {
      faceswap_type: job.media === 'video' ? 2 : 1,
      faceswap_quality: 2,
      faceswap_status: job.status,
      deduction_status: 1,
      image: job.media === 'image' ? 1 : 0,
      video_duration: seconds,
      deduction_duration: seconds,
      update_time: job.updatedAt,
      _id: job.id,
      userId: '64d985c5571729d3e2999477',
      uid: 378337,
      url: job.status === 3 ? twin.resultUrl(job) : '',
      createdAt: new Date(job.acceptedAt).toISOString(),
      ...(job.status === 4 && job.reason !== '' && { alg_msg: job.reason }),
    };
  }
}

function readIds(value: unknown): string[] {
  const ids = typeof value === 'string' ? value.split(',').map((id) => id.trim()) : [];
  if (!ids.some((id) => id !== '')) throw new Refusal(1003, '_ids is required');
  return ids.filter((id) => id !== '');
}

function detectTriggers(body: unknown): Trigger[] {
  const url = typeof body === 'object' && body !== null && 'url' in body ? body.url : undefined;
  return typeof url === 'string' && webAddress(url) !== null ? triggersIn([url]) : [];
}

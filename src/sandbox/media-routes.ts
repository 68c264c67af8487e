/** Serves pictures and videos: results, cropped faces, samples. */
import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { draw } from './drawing.js';
import { croppedFace } from './face-detection.js';
import { misbehave } from './misbehaviour.js';
import { Refusal } from './refusal.js';
import { SAMPLE_VIDEO } from './sample-video.js';
import { scene, sceneAt } from './scene.js';
import type { Twin } from './twin.js';

/** Akool keeps results for 7 days. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

export function addMediaRoutes(app: FastifyInstance, twin: Twin): void {
  serve('/results/:file', (file) => {
    const job = twin.ledger.job(file.slice(0, file.lastIndexOf('.')));
    if (job?.status !== 3 || !twin.resultUrl(job).endsWith(file) || Date.now() - job.updatedAt > KEPT_MS)
      return undefined;
    return twin.results.contentOf(job);
  });

  serve('/faces/:file', (file) => {
    const face = croppedFace(file);
    return face && draw(scene(face.seed, face.count, face.frame), face.seed, { crop: face.crop });
  });

  serve('/samples/:file', (file) => {
    if (!/^[\w-]+\.(png|mp4)$/.test(file) || file.startsWith('missing')) return undefined;
    return file.endsWith('.mp4') ? SAMPLE_VIDEO : draw(sceneAt(twin.address(`/samples/${file}`)));
  });

  function serve(path: string, find: (file: string) => Buffer | Promise<Buffer> | undefined): void {
    app.get<{ Params: { file: string } }>(path, async (request, reply) => {
      twin.requests.media++;
      const strike = twin.faults.strike('media');
      await twin.gates.pass('media');
      if (strike.has('refuse')) throw new Refusal(strike.code('refuse'), undefined, 404);
      if (await misbehave(strike, reply, twin.timers)) return reply;
      const content = await find(request.params.file);
      if (!content) throw new Refusal(1008, undefined, 404);
      return send(
        content,
        request,
        reply.type(request.params.file.endsWith('.mp4') ? 'video/mp4' : 'image/png'),
      );
    });
  }
}

/** Sends the content, one range of it (RFC 9110, section 14), or 304. */
function send(content: Buffer, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const etag = `"${hash('sha256', content, 'hex').slice(0, 32)}"`;
  void reply.headers({ etag, 'accept-ranges': 'bytes', 'cache-control': 'public, max-age=3600' });
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from === '' && to === '') return reply.header('content-length', content.length).send(content);
  const start = from === '' ? Math.max(0, content.length - Number(to)) : Number(from);
  const end = from === '' || to === '' ? content.length - 1 : Math.min(Number(to), content.length - 1);
  if (start > end) return reply.code(416).header('content-range', `bytes */${content.length}`).send();
  const part = content.subarray(start, end + 1);
  return reply
    .code(206)
    .headers({ 'content-range': `bytes ${start}-${end}/${content.length}`, 'content-length': part.length })
    .send(part);
}

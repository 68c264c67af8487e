/** How long uploads live: as long as jobs need them and a while longer; then nothing is left of them. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../support/gate.js';
import { type SeenUpload, startWithUploads, type UploadRecords } from '../support/upload-records.js';

let stage: UploadRecords;
afterEach(() => stage.gateway.stop());

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DELETE_UPLOAD = 'mutation ($id: ID!) { deleteUpload(id: $id) }';
const DELETE_JOB = 'mutation ($id: ID!) { deleteJob(id: $id) }';

/** A gateway whose jobs do not finish by themselves. */
async function start(options: Parameters<typeof startWithUploads>[0] = {}): Promise<void> {
  stage = await startWithUploads({ sandbox: { queueMs: 30 * 24 * HOUR }, ...options });
}

async function submit(...uploads: readonly SeenUpload[]): Promise<{ id: string; providerId: string }> {
  const input = {
    sourceImage: uploads.map(({ url }) => ({ path: url, opts: '1,1:2,2:3,3:4,4' })),
    targetImage: [{ path: 'https://example.com/a.jpg', opts: '1,1:2,2:3,3:4,4' }],
  };
  const query =
    'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id providerId } } }';
  return (await stage.data<{ readonly job: { id: string; providerId: string } }>(query, { input })).job;
}

async function finish({
  id,
  providerId,
}: {
  readonly id: string;
  readonly providerId: string;
}): Promise<void> {
  stage.gateway.sandbox.finish(providerId);
  const query = `{ job(id: "${id}") { status } }`;
  await until(async () => (await stage.data<{ status: string }>(query)).status === 'COMPLETED');
}

/** Resolves after the sweeper has worked: it does for each upload that is deleted. */
async function swept(): Promise<void> {
  const { id } = await stage.create();
  await stage.data(DELETE_UPLOAD, { id });
}

async function expectGone(...uploads: readonly SeenUpload[]): Promise<void> {
  await swept();
  for (const { id } of uploads) expect(await stage.find(id)).toBeNull();
  expect(stage.blobs()).toEqual([]);
  expect(await stage.records.claimErasures(Number.MAX_SAFE_INTEGER, 0, 9)).toEqual([]);
}

describe('An upload', () => {
  it('that is never sent goes with the permission to send it', async () => {
    await start();
    const { id } = await stage.create();
    stage.later(15 * MINUTE - 5000);
    await swept();
    expect(await stage.find(id)).toMatchObject({ status: 'AWAITING' });
    stage.later(5000);
    await swept();
    expect(await stage.find(id)).toBeNull();
  });

  it('that no job names goes a day after it was sent or handed out again', async () => {
    await start();
    const sha256 = 'a'.repeat(64);
    const [plain, again] = [await stage.ready(), await stage.receive(await stage.create({ sha256 }))];
    stage.later(23 * HOUR);
    expect((await stage.create({ sha256 })).id).toBe(again.id);
    await swept();
    expect(stage.blobs()).toHaveLength(2);
    stage.later(HOUR);
    await swept();
    expect(await stage.find(plain.id)).toBeNull();
    expect((await stage.find(again.id))?.status).toBe('READY');
    stage.later(23 * HOUR);
    await expectGone(plain, again);
  });

  it('stays while its job goes on, and for UPLOAD_TTL_MS after that', async () => {
    await start({ env: { UPLOAD_TTL_MS: String(10 * MINUTE), JOB_DEADLINE_MS: String(100 * HOUR) } });
    const upload = await stage.ready();
    const job = await submit(upload);
    const { errors } = await stage.ask(DELETE_UPLOAD, { id: upload.id });
    expect(errors).toMatchObject([{ extensions: { code: 'CONFLICT' } }]);
    stage.later(30 * HOUR);
    await swept();
    expect(Date.parse((await stage.find(upload.id))?.expiresAt ?? '')).toBeGreaterThan(stage.now());
    await finish(job);
    stage.later(9 * MINUTE);
    await swept();
    expect(stage.blobs()).toHaveLength(1);
    stage.later(10 * MINUTE);
    await expectGone(upload);
    expect(await stage.data(`{ job(id: "${job.id}") { status } }`)).toEqual({ status: 'COMPLETED' });
  });

  it('goes at once with the last job that named it, with its bytes', async () => {
    await start();
    const [own, shared] = [await stage.ready(), await stage.ready()];
    const [first, second] = [await submit(own, shared), await submit(shared)];
    await finish(first);
    await finish(second);
    await stage.data(DELETE_JOB, { id: first.id });
    expect(await stage.find(own.id)).toBeNull();
    expect(stage.blobs()).toEqual([shared.url.split('/').at(-1)]);
    await stage.data(DELETE_JOB, { id: second.id });
    expect(await stage.find(shared.id)).toBeNull();
    expect(stage.blobs()).toEqual([]);
  });

  it('that was handed out again outlives the job that named it before', async () => {
    await start();
    const sha256 = 'b'.repeat(64);
    const upload = await stage.receive(await stage.create({ sha256 }));
    const job = await submit(upload);
    await finish(job);
    await stage.create({ sha256 });
    await stage.data(DELETE_JOB, { id: job.id });
    expect((await stage.find(upload.id))?.status).toBe('READY');
    stage.later(24 * HOUR);
    await expectGone(upload);
  });
});

/** An upload from its announcement to its end, over GraphQL and HTTP alone. */
import { createHash } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { until } from '../support/gate.js';
import { startWithUploads, type UploadRecords } from '../support/upload-records.js';
import { PNG, put } from '../support/uploads.js';

let stage: UploadRecords;
afterEach(() => stage.gateway.stop());

const DELETE_JOB = 'mutation ($id: ID!) { deleteJob(id: $id) }';
const SUBMIT = 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }';

it('is sent once, served while it lives, and gone with its job', async () => {
  stage = await startWithUploads();
  const sha256 = createHash('sha256').update(PNG).digest('hex');
  const given = { contentType: 'image/png', byteSize: PNG.length, sha256 };
  const announced = await stage.create(given);
  const { status, json } = await put(announced.putUrl ?? '', PNG);
  expect([status, json]).toEqual([
    201,
    expect.objectContaining({ id: announced.id, url: announced.url, sha256 }),
  ]);
  const ready = await stage.find(announced.id);
  expect(ready).toMatchObject({ status: 'READY', sha256, byteSize: PNG.length, url: announced.url });
  expect((await stage.create(given)).id).toBe(announced.id);
  expect(Buffer.from(await (await fetch(announced.url)).arrayBuffer()).equals(PNG)).toBe(true);

  const input = { sourceImage: [{ path: announced.url }], targetImage: [{ path: announced.url }] };
  const { job } = await stage.data<{ readonly job: { readonly id: string } }>(SUBMIT, { input });
  const query = `{ job(id: "${job.id}") { status } }`;
  await until(async () => (await stage.data<{ status: string }>(query)).status === 'COMPLETED');
  await stage.data(DELETE_JOB, { id: job.id });
  expect((await fetch(announced.url)).status).toBe(404);
  expect(stage.blobs()).toEqual([]);
});

it('is refused to a sender who comes too late, whether or not there is a record of it', async () => {
  stage = await startWithUploads();
  const { id, putUrl } = await stage.create({ byteSize: PNG.length });
  stage.later(15 * 60_000);
  expect((await put(putUrl ?? '', PNG)).status).toBe(410);
  await until(async () => (await stage.find(id)) === null);
  expect((await put(putUrl ?? '', PNG)).status).toBe(410);
});

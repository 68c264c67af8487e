/** Face Swap Plus through the whole gateway: the same states as a Pro job. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, ask, dataOf, errorOf, follow, lookUp, oneFace, submit } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { JOB_FIELDS, JOBS, type SeenJob } from '../support/operations.js';

let gateway: TestGateway;

afterEach(() => gateway.stop());

const SUBMIT_PLUS = /* GraphQL */ `
  mutation SubmitFaceSwapPlus($input: SubmitFaceSwapPlusInput!) {
    submitFaceSwapPlus(input: $input) {
      deduplicated
      job {
        ...JobFields
        sourceUrl
        targetUrl
        modelStyle
        faceMapping { source { faceUrl bbox } target { faceUrl bbox } }
        faceEnhance
        singleFaceMode
      }
    }
  }
  ${JOB_FIELDS}
`;

interface Submitted {
  readonly submitFaceSwapPlus: { readonly deduplicated: boolean; readonly job: SeenJob };
}

const at = (name: string): string => `https://example.com/${name}`;
const single = (more: object = {}): object => ({
  sourceUrl: at('new.jpg'),
  targetUrl: at('original.jpg'),
  singleFaceMode: true,
  ...more,
});

function submitPlus(input: object): Promise<Answer<Submitted>> {
  return ask<Submitted, unknown>(gateway.url, SUBMIT_PLUS, { input });
}

async function plusJob(input: object): Promise<SeenJob> {
  return (await dataOf(submitPlus(input))).submitFaceSwapPlus.job;
}

describe('a Face Swap Plus job', () => {
  it('is told by detectFaces which faces to swap, with no coordinates written by hand', async () => {
    gateway = await startGateway();
    const faces = `query ($url: URL!) {
      detectFaces(input: { url: $url }) { frames { faces { faceUrl cropRegion { x y width height } } } }
    }`;
    type Found = {
      detectFaces: {
        frames: {
          faces: { faceUrl: string; cropRegion: Record<'x' | 'y' | 'width' | 'height', number> }[];
        }[];
      };
    };
    const found = await dataOf(ask<Found, unknown>(gateway.url, faces, { url: at('two-faces.png') }));
    const [first, second] = found.detectFaces.frames[0]?.faces ?? [];
    const job = await plusJob({
      sourceUrl: at('new.jpg'),
      targetUrl: at('two-faces.png'),
      modelStyle: 'BEAUTIFY',
      faceEnhance: true,
      faceMapping: [
        { source: { faceUrl: at('face-1.jpg') }, target: { faceUrl: first?.faceUrl } },
        {
          source: { faceUrl: at('face-2.jpg') },
          target: { faceUrl: at('two-faces.png'), region: second?.cropRegion },
        },
      ],
    });
    if (second === undefined) throw new Error('There are not two faces');
    const { x, y, width, height } = second.cropRegion;
    const bbox = [x, y, x + width, y + height];
    expect(job).toMatchObject({ __typename: 'FaceSwapPlusJob', status: 'QUEUED', modelStyle: 'BEAUTIFY' });
    const [bill] = gateway.sandbox.bills;
    expect(bill).toMatchObject({
      kind: 'plus',
      request: {
        source_url: at('new.jpg'),
        target_url: at('two-faces.png'),
        model_style: 'beautify',
        face_enhance: true,
        single_face_mode: false,
        face_mapping: [
          {
            source_face_info: { face_url: at('face-1.jpg') },
            target_face_info: { face_url: first?.faceUrl },
          },
          {
            source_face_info: { face_url: at('face-2.jpg') },
            target_face_info: { face_url: at('two-faces.png'), bbox },
          },
        ],
      },
    });
    expect((await follow(gateway.url, job.id)).at(-1)?.status).toBe('COMPLETED');
  });

  it('of a video is followed to its end, by webhooks, and its video kept', async () => {
    gateway = await startGateway();
    const { id } = await plusJob(single({ targetUrl: at('clip.mp4') }));
    expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
    await expect.poll(async () => (await lookUp(gateway.url, id)).result?.archived).toBe(true);
    const last = await lookUp(gateway.url, id);
    expect(last.__typename).toBe('FaceSwapPlusJob');
    expect(last.history.map(({ source }) => source)).toContain('WEBHOOK');
    const media = await fetch(last.result?.url ?? '');
    expect(media.headers.get('content-type')).toBe('video/mp4');
    await media.arrayBuffer();
  });

  it('stands in one list with Pro jobs, and is found as the type it is', async () => {
    gateway = await startGateway();
    const pro = await submit(gateway.url);
    const plus = await plusJob(single());
    const { jobs } = await dataOf(ask(gateway.url, JOBS, {}));
    expect(jobs.edges.map(({ node }) => [node.__typename as string, node.id])).toEqual([
      ['FaceSwapPlusJob', plus.id],
      ['FaceSwapJob', pro.id],
    ]);
    expect((await lookUp(gateway.url, plus.id)).__typename).toBe('FaceSwapPlusJob');
    await gateway.sandbox.settled();
  });

  it('shares the slots with Pro jobs', async () => {
    gateway = await startGateway({ env: { AKOOL_MAX_CONCURRENCY: '1' }, sandbox: { maxConcurrency: 1 } });
    const gate = gateway.sandbox.hold('submit');
    const first = submit(gateway.url);
    await gate.arrived;
    const second = await plusJob(single());
    expect(second).toMatchObject({ status: 'WAITING', queuePosition: 1 });
    gate.release();
    await first;
    expect((await follow(gateway.url, second.id)).at(-1)?.status).toBe('COMPLETED');
    expect(gateway.sandbox.peakConcurrency).toBe(1);
  });

  it('is sent once for a key, which stands for one input of one kind', async () => {
    gateway = await startGateway();
    const { id } = await plusJob(single({ idempotencyKey: 'k' }));
    const again = await dataOf(submitPlus(single({ idempotencyKey: 'k' })));
    expect(again.submitFaceSwapPlus).toMatchObject({ deduplicated: true, job: { id } });
    const other = await errorOf(submitPlus(single({ idempotencyKey: 'k', faceEnhance: true })));
    expect(other.extensions?.code).toBe('IDEMPOTENCY_CONFLICT');
    const pro = `mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { deduplicated } }`;
    const clash = await errorOf(ask(gateway.url, pro, { input: oneFace({ idempotencyKey: 'k' }) }));
    expect(clash.extensions?.code).toBe('IDEMPOTENCY_CONFLICT');
    expect(gateway.sandbox.bills).toHaveLength(1);
  });

  it.each([
    ['refused', { fault: 'refuse', code: 1007 }, { status: 'FAILED', error: { code: 'TOO_MANY_FACES' } }],
    ['of unknown outcome', { fault: 'reset-after-accept' }, { status: 'UNCONFIRMED', providerId: null }],
    ['surely not accepted', { fault: 'too-frequent' }, { status: 'WAITING' }],
  ] as const)('that is %s is treated as a Pro job is', async (_what, fault, expected) => {
    gateway = await startGateway();
    const hooks = gateway.sandbox.hold('webhook');
    gateway.sandbox.setFaults({ script: [{ on: 'submit', ...fault }] });
    expect(await plusJob(single())).toMatchObject(expected);
    hooks.release();
  });
});

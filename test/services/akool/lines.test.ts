/** Separate connections per kind of call: slow answers to one kind do not delay the others. */
import { describe, expect, it } from 'vitest';
import { gate, json } from '../../support/local-server.js';
import { ACCEPTED, akoolThat, proRequest } from './akool-under-test.js';

const MORE_THAN_CONNECTIONS = 40;
const NO_FACES = { error_code: 0, error_msg: 'SUCCESS', faces_obj: {} };
const urlOf = (nth: number) => `https://example.com/${nth}.jpg`;
const every = <T>(call: (nth: number) => Promise<T>) =>
  Promise.all(Array.from({ length: MORE_THAN_CONNECTIONS }, (_, nth) => call(nth)));

/** An Akool that answers face detections when released, and everything else at once. */
async function akoolWithSlowDetections() {
  const release = gate();
  const akool = await akoolThat((request, response) => {
    const { path } = request;
    if (path.endsWith('/detect_faces'))
      void release.opened.then(() => json(200, NO_FACES)(request, response));
    else json(200, path.includes('/result/') ? RESULTS : ACCEPTED)(request, response);
  });
  const looks = () => akool.server.received.filter(({ path }) => path.endsWith('/detect_faces')).length;
  return { ...akool, release, looks };
}

const RESULTS = { code: 1000, msg: 'OK', data: { result: [], credit: 5 } };

describe('while Akool is slow at finding faces', () => {
  it('submits, and questions about results, go out and are answered', async () => {
    const { client, release, looks } = await akoolWithSlowDetections();
    const detections = every((nth) => client.detectFaces({ url: urlOf(nth), singleFace: false }));
    await expect.poll(looks).toBe(16);
    const submits = await every(() => client.submitFaceSwap(proRequest));
    expect(new Set(submits.map(({ kind }) => kind))).toEqual(new Set(['accepted']));
    expect(await client.results(['id0'])).toEqual([]);
    expect(looks()).toBe(16);
    release.open();
    expect(await detections).toHaveLength(MORE_THAN_CONNECTIONS);
  });

  it('the faces that a job in its slot needs are asked for all the same', async () => {
    const { client, release, looks } = await akoolWithSlowDetections();
    const asked = every((nth) => client.detectFaces({ url: urlOf(nth), singleFace: false }));
    await expect.poll(looks).toBe(16);
    const needed = client.detectFaces({ url: urlOf(0), singleFace: false }, { forJob: true });
    await expect.poll(looks).toBe(17);
    release.open();
    await Promise.all([asked, needed]);
  });
});

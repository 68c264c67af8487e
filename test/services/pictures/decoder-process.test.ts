/** The process that decodes: one picture at a time, stopped when nobody waits, replaced when it dies. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type FitFile, fitFile, PictureFault } from '../../../src/services/pictures/fit.js';
import { build } from '../../support/gateway-process.js';
import { mountSmallDisk } from '../../support/small-disk.js';
import {
  chunk,
  exif,
  exifSegment,
  Files,
  flatPng,
  MAX_PIXELS,
  scene,
  withChunks,
  withSegments,
} from './files.js';

await build();
const files = new Files();
afterAll(() => files.remove());

const turned = withSegments(await scene().jpeg().toBuffer(), exifSegment(6));
const stripped = withSegments(await scene().jpeg().toBuffer(), exifSegment(1));
/** It has 49 megapixels. */
const slow = withChunks(flatPng(7000, 7000), chunk('eXIf', exif(6)));
const upright = await scene().png().toBuffer();

/** The decoder of this process; NaN if there is none. */
function decoderPid(): number {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' '),
  );
  const isDecoder = (pid: string): boolean =>
    pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('decoder-program');
  return Number(children.find(isDecoder));
}

function isReading(pid: number, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
  } catch {
    // It closed a file or ended meanwhile.
    return false;
  }
}

describe.skipIf(!existsSync('/proc/self/task'))('the decoder', () => {
  /** Resolves when the decoder is busy with a picture that takes it a second or so. */
  async function startSlow(
    signal?: AbortSignal,
  ): Promise<{ path: string; fit: Promise<FitFile>; pid: number }> {
    const path = files.write(slow);
    const fit = files.fitAt(path, signal);
    // It is waited for later.
    fit.catch(() => {});
    await expect.poll(() => isReading(decoderPid(), path), { interval: 1 }).toBe(true);
    return { path, fit, pid: decoderPid() };
  }

  it('holds nothing of the environment, and is used again', async () => {
    await files.fit(upright);
    const pid = decoderPid();
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    expect(environment).not.toContain('PATH=');
    expect(environment).toContain('UV_THREADPOOL_SIZE=1');
    await files.fit(turned);
    expect(decoderPid()).toBe(pid);
  });

  it('decodes one picture at a time, and those that wait leave with their signal', async () => {
    const order: string[] = [];
    const { fit, pid } = await startSlow();
    const first = fit.then(() => order.push('first'));
    const gone = new AbortController();
    const second = files.fit(turned, gone.signal);
    const third = files.fit(turned).then(() => order.push('third'));
    gone.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    expect(order).toEqual([]);
    await Promise.all([first, third]);
    expect(order).toEqual(['first', 'third']);
    expect(decoderPid()).toBe(pid);
  });

  it('is ended when the picture at hand is no longer wanted, and nothing remains of that', async () => {
    const gone = new AbortController();
    const { path, fit, pid } = await startSlow(gone.signal);
    const next = files.fit(turned);
    gone.abort(new Error('left'));
    await expect(fit).rejects.toThrow('left');
    expect(existsSync(`${path}.fit`)).toBe(false);
    expect(await next).toMatchObject({ width: 48, height: 64 });
    expect(decoderPid()).not.toBe(pid);
  });

  it('may be ended by the system while it is idle: another one decodes the next picture', async () => {
    await files.fit(upright);
    process.kill(decoderPid(), 'SIGKILL');
    expect(await files.fit(turned)).toMatchObject({ width: 48, height: 64 });
  });

  it('refuses a picture that ends a new one, and the next one finds another', async () => {
    await files.fit(upright);
    process.kill(decoderPid(), 'SIGKILL');
    const { fit, pid } = await startSlow();
    process.kill(pid, 'SIGKILL');
    await expect(fit).rejects.toMatchObject({ code: 'MEDIA_BROKEN' });
    expect(await files.fit(turned)).toMatchObject({ width: 48, height: 64 });
  });
});

const disk = mountSmallDisk(64);
describe.skipIf(disk === null)('on a full disk', () => {
  afterAll(() => disk?.remove());

  it.each([
    ['turned', turned],
    ['stripped', stripped],
  ])('a picture that is %s is not called broken', async (_, content) => {
    const path = join(disk?.dir ?? '', 'picture');
    writeFileSync(path, content);
    disk?.fill();
    const error = await fitFile(path, { maxPixels: MAX_PIXELS, signal: new AbortController().signal }).catch(
      (error: unknown) => error,
    );
    disk?.makeRoom();
    expect(error).not.toBeInstanceOf(PictureFault);
    expect(error).toMatchObject({ code: 'ENOSPC' });
    expect(existsSync(`${path}.fit`)).toBe(false);
  });
});

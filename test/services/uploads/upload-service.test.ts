/** What a caller is given when it announces an upload, by the room on the disk. */
import { describe, expect, test } from 'vitest';
import { UploadAddresses } from '../../../src/services/uploads/upload-addresses.js';
import { UploadService } from '../../../src/services/uploads/upload-service.js';
import { openWorkshop, type Workshop } from '../../support/workshop.js';

const MIN_FREE = 1000;

async function open(): Promise<Workshop & { on: (free: number | null) => UploadService }> {
  const workshop = await openWorkshop();
  return {
    ...workshop,
    on: (free) =>
      new UploadService({
        store: workshop.uploads,
        addresses: new UploadAddresses('https://swap.example.com'),
        clock: workshop.clock,
        settings: { quotaBytes: null, maxImageBytes: 1, maxVideoBytes: 1, minFreeBytes: MIN_FREE },
        isReachable: true,
        freeBytes: async () => free,
      }),
  };
}

const announcement = (sha256: string | null = null) => ({ contentType: 'image/png', byteSize: 1, sha256 });

describe('announcing an upload', () => {
  test.each([
    ['enough', MIN_FREE],
    ['no known end of', null],
  ])('is accepted with %s room', async (_, free) => {
    const { on } = await open();
    expect(await on(free).create('ann', announcement())).toMatchObject({ deduplicated: false });
  });

  test('is refused if the disk is nearly full, unless the bytes are there already', async () => {
    const { on, uploads, clock } = await open();
    const hash = 'a'.repeat(64);
    const { upload } = await on(null).create('ann', announcement(hash));
    await uploads.begin(upload.putToken, { id: 'one', now: clock.now(), until: clock.now() + 1000 });
    const kept = { contentType: 'image/png', byteSize: 1, width: 1, height: 1, durationSeconds: null };
    await uploads.finish(upload.id, 'one', { ...kept, sha256: hash, sentSha256: hash }, clock.now());
    const full = on(MIN_FREE - 1);
    await expect(full.create('ann', announcement())).rejects.toMatchObject({
      code: 'UPLOADS_UNAVAILABLE',
      message: expect.stringContaining('UPLOAD_MIN_FREE_BYTES'),
    });
    expect(await full.create('ann', announcement(hash))).toMatchObject({
      deduplicated: true,
      upload: { id: upload.id },
    });
    await expect(full.create('bob', announcement(hash))).rejects.toMatchObject({
      code: 'UPLOADS_UNAVAILABLE',
    });
  });
});

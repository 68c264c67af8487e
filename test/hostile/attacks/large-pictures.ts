import { randomBytes } from 'node:crypto';
import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

const PICTURE_BYTES = 5_000_000;
/** Remains a valid picture whatever follows. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export const largePictures: Attack = {
  name: 'large-pictures',
  shows: 'pictures sent to detectFaces are bounded in bytes, not only in number',
  run: async (target) => {
    const count = target.pick(60, 12);
    const pixels = randomBytes(PICTURE_BYTES - PIXEL.length - 8);
    const query = 'query ($image: String) { detectFaces(input: { image: $image }) { frames { index } } }';
    await inParallel(count, count, (i) => {
      const nth = Buffer.alloc(8);
      nth.writeUInt32BE(i);
      const image = Buffer.concat([PIXEL, nth, pixels]).toString('base64');
      return target.ask({ query, variables: { image } });
    });
    return [];
  },
};

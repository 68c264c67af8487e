import { randomBytes } from 'node:crypto';
import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

const PICTURE_BYTES = 5_000_000;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export const largePictures: Attack = {
  name: 'large-pictures',
  shows: 'pictures sent to detectFaces are bounded in bytes, not only in number',
  run: async (target) => {
    const count = target.pick(60, 12);
    const pixels = randomBytes(PICTURE_BYTES - PNG.length - 8);
    const query = 'query ($image: String) { detectFaces(input: { image: $image }) { frames { index } } }';
    await inParallel(count, count, (i) => {
      const nth = Buffer.alloc(8);
      nth.writeUInt32BE(i);
      const image = Buffer.concat([PNG, nth, pixels]).toString('base64');
      return target.ask({ query, variables: { image } });
    });
    return [];
  },
};

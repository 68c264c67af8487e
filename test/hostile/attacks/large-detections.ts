import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

export const largeDetections: Attack = {
  name: 'large-detections',
  shows: 'what detections found is kept up to so many bytes: 323 videos full of faces were 190 MB',
  run: async (target) => {
    await inParallel(target.pick(323, 50), 2, (i) => {
      const input = `{ url: "https://example.com/faces-20/${i}.mp4", numFrames: 100 }`;
      return target.ask({ query: `{ detectFaces(input: ${input}) { frames { index } } }` });
    });
    return [];
  },
};

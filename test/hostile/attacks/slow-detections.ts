import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

/** Enough to occupy all connections to Akool all the time, with some requests waiting. */
const AT_ONCE = 24;

export const slowDetections: Attack = {
  name: 'slow-detections',
  shows: "one tenant's slow detectFaces keep nobody's submits waiting for a connection to Akool",
  // Akool is slow to accept submits: one that gets its connection late is billed, but its answer is lost.
  settings: () => ({ AKOOL_TIMEOUT_MS: '4000' }),
  akool: { script: [{ on: 'submit', fault: 'latency', ms: 1500, times: 1_000_000 }] },
  run: async (target) => {
    const until = Date.now() + target.pick(20_000, 6000);
    await inParallel(AT_ONCE, AT_ONCE, async (lane) => {
      for (let i = 0; Date.now() < until; i += 1) {
        const url = `https://example.com/${lane}-${i}.jpg?sandbox-fault=latency&sandbox-ms=20000`;
        await target.ask({ query: `{ detectFaces(input: { url: "${url}" }) { frames { index } } }` });
        // Calls refused at once are repeated, but not as fast as possible.
        await sleep(50);
      }
    });
    return [];
  },
};

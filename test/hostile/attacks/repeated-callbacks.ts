import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { REPEATED_ADDRESSES } from '../provider.js';
import { submitOf } from '../requests.js';
import type { Target } from '../target.js';

const JOB = 'query ($id: ID!) { job(id: $id) { status error { message } history { note } } }';
/** Part of a token, which has 32 characters: nothing else in the response is this long. */
const TOKEN = /[\w-]{16,}/;
const ATTEMPTS = 50;

export const repeatedCallbacks: Attack = {
  name: 'repeated-callbacks',
  shows: "a job's error never tells the address of its callback, however Akool repeats it",
  run: async (target) => {
    const leaks: string[] = [];
    for (const way of Object.keys(REPEATED_ADDRESSES)) {
      const { text } = await target.ask(submitOf(`/repeated-address/${way}.jpg`));
      const id = /"id":"([^"]+)"/.exec(text)?.[1] ?? '';
      const failed = await whenFailed(target, id);
      if (failed === null) leaks.push(`${way}: the job of which Akool said this did not fail`);
      else if (TOKEN.test(failed)) leaks.push(`${way}: ${failed}`);
    }
    return leaks;
  },
};

async function whenFailed(target: Target, id: string): Promise<string | null> {
  for (let i = 0; i < ATTEMPTS; i += 1) {
    const { text } = await target.ask({ query: JOB, variables: { id } });
    if (text.includes('"FAILED"')) return text;
    await sleep(100);
  }
  return null;
}

/**
 * Ending the process, whatever hangs.
 *
 * `process.exit` waits for the threads that Node lends to file systems and name servers; one that hangs in such a
 * call would keep the process alive for ever.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { inTime } from './in-time.js';

/** How long what those threads do may take to end by itself. */
const PATIENCE_MS = 500;
const LOOK_AGAIN_MS = 20;
/** What runs on those threads, as `process.getActiveResourcesInfo` names it. */
const ON_A_THREAD = /^(FSReq|FILEHANDLE|GetAddrInfoReq|GetNameInfoReq)/i;

/** Never resolves. The exit code is that of SIGKILL where something hangs. */
export async function endNow(code: number): Promise<void> {
  await inTime(untilNothingHoldsUp(), PATIENCE_MS, undefined);
  if (isHeldUp()) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

/** Resolves when the process could exit. */
export async function untilNothingHoldsUp(): Promise<void> {
  // What has just ended still counts until the next turn.
  await setImmediate();
  while (isHeldUp()) await sleep(LOOK_AGAIN_MS);
}

function isHeldUp(): boolean {
  return process.getActiveResourcesInfo().some((name) => ON_A_THREAD.test(name));
}

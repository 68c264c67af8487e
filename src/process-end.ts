/**
 * Ends the process, even if a system call hangs.
 *
 * `process.exit` waits for Node's threads for file system and DNS calls. A call that hangs there would keep the
 * process alive forever.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { inTime } from './in-time.js';

/** How long to wait for calls on those threads. */
const PATIENCE_MS = 500;
const LOOK_AGAIN_MS = 20;
/** The names of these calls in `process.getActiveResourcesInfo`. */
const ON_A_THREAD = /^(FSReq|FILEHANDLE|GetAddrInfoReq|GetNameInfoReq)/i;

/** Never resolves. If something hangs, the process ends by SIGKILL. */
export async function endNow(code: number): Promise<void> {
  await inTime(untilNothingHoldsUp(), PATIENCE_MS, undefined);
  if (isHeldUp()) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

/** Resolves when nothing delays `process.exit`. */
export async function untilNothingHoldsUp(): Promise<void> {
  // A call that has just ended is still listed until the next turn of the event loop.
  await setImmediate();
  while (isHeldUp()) await sleep(LOOK_AGAIN_MS);
}

function isHeldUp(): boolean {
  return process.getActiveResourcesInfo().some((name) => ON_A_THREAD.test(name));
}

/**
 * Ending the process, whatever hangs.
 *
 * `process.exit` waits for the threads that Node lends to file systems and name servers; one that hangs in such a
 * call would keep the process alive for ever.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;
/** What runs on those threads, as `process.getActiveResourcesInfo` names it. */
const ON_A_THREAD = /^(FSReq|FILEHANDLE|GetAddrInfoReq|GetNameInfoReq)/i;

export function endNow(code: number): never {
  // Then the exit code is that of SIGKILL.
  if (isHeldUp()) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

/** Resolves when `endNow` would end the process with its code. */
export async function untilNothingHoldsUp(): Promise<void> {
  while (isHeldUp()) await sleep(LOOK_AGAIN_MS);
}

function isHeldUp(): boolean {
  return process.getActiveResourcesInfo().some((name) => ON_A_THREAD.test(name));
}

/** PostgreSQL and PgBouncer refuse to run as root, and then run as the user that Debian created for them. */
import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';

/** Options for starting a process. */
export function asServiceUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export function giveToServiceUser(path: string): void {
  const { uid, gid } = asServiceUser();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/** Errors that tell the operator why a database can't be used. */
import { isCertificateError } from '../../certificate-error.js';
import { GatewayError, reasonOf, StartError } from '../../errors.js';
import { codeOf, isAway, isLost } from './unavailable.js';

/** How long to wait for a server that is still starting, or whose name does not resolve yet. */
const NOT_THERE_PATIENCE_MS = 5000;
/** How long to wait for a server that was there a moment ago; a failover takes seconds. */
const LOST_PATIENCE_MS = 30_000;

/** Another process uses the file. */
export class DatabaseInUseError extends StartError {
  override readonly code = 'DATABASE_IN_USE';
  constructor(file: string, cause: unknown) {
    super(`${file} is in use by another gateway; stop it, or give this one its own DATABASE_URL`, { cause });
  }
}

/** The database can't be opened, or its tables can't be brought up to date. */
export class DatabaseUnusableError extends StartError {
  override readonly code = 'DATABASE_UNUSABLE';
  constructor(file: string, error: unknown) {
    // The operator gets the database's own message.
    const cause = error instanceof GatewayError ? error.cause : error;
    const reason = isSilent(cause) ? 'it does not answer' : reasonOf(cause);
    super(`${file} can't be used as the database: ${reason}; see ${remedyOf(cause)}`, {
      cause,
      patienceMs: patienceMs(cause),
    });
  }
}

function remedyOf(error: unknown): string {
  if (isCertificateError(error)) return 'PGSSLROOTCERT, which can name the file of its CA';
  return /^(EACCES|EPERM|EROFS)$/.test(codeOf(error))
    ? 'DATABASE_URL, which must name a file that this user can write to, in a directory where it can create others'
    : 'DATABASE_URL';
}

function patienceMs(error: unknown): number {
  if (isLost(error) && !isSilent(error)) return LOST_PATIENCE_MS;
  return isAway(error) || isNotThereYet(error) ? NOT_THERE_PATIENCE_MS : 0;
}

/** Matches pg's messages for a query and for a connection. */
function isSilent(error: unknown): boolean {
  const words = /^(Query read timeout|timeout expired|Connection terminated due to connection timeout)$/;
  return error instanceof Error && words.test(error.message);
}

/** The name does not resolve yet, like that of a container being started; or the server has no free connection. */
function isNotThereYet(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(ENOTFOUND|53\d{3})$/.test(String(error.code));
}

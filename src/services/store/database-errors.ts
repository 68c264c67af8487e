/** Why a database can't be used: for the person who starts the gateway. */
import { isCertificateError } from '../../certificate-error.js';
import { GatewayError, reasonOf, StartError } from '../../errors.js';
import { isAway, isLost } from './unavailable.js';

/** For a server that is still starting, or that nobody knows yet. */
const NOT_THERE_PATIENCE_MS = 5000;
/** For a server that was there a moment ago: a failover takes some seconds. */
const LOST_PATIENCE_MS = 30_000;

/** The file is in use by another process. */
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
    // Whoever starts the gateway is told what the database said.
    const cause = error instanceof GatewayError ? error.cause : error;
    const remedy = isCertificateError(cause)
      ? 'PGSSLROOTCERT, which may name the file of its CA'
      : 'DATABASE_URL';
    const reason = isSilent(cause) ? 'it does not answer' : reasonOf(cause);
    super(`${file} can't be used as the database: ${reason}; see ${remedy}`, {
      cause,
      patienceMs: patienceMs(cause),
    });
  }
}

function patienceMs(error: unknown): number {
  if (isLost(error) && !isSilent(error)) return LOST_PATIENCE_MS;
  return isAway(error) || isNotThereYet(error) ? NOT_THERE_PATIENCE_MS : 0;
}

/** As pg words it, of a question and of a connection. */
function isSilent(error: unknown): boolean {
  const words = /^(Query read timeout|timeout expired|Connection terminated due to connection timeout)$/;
  return error instanceof Error && words.test(error.message);
}

/** A name that is not known yet, as of a container that is being started; or a server without a free connection. */
function isNotThereYet(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(ENOTFOUND|53\d{3})$/.test(String(error.code));
}

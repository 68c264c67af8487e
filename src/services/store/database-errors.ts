/** Why a database can't be used: for the person who starts the gateway. */
import { StartError } from '../../errors.js';

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
  constructor(file: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${file} can't be used as the database: ${why}; see DATABASE_URL`, {
      cause,
      mayPass: isAway(cause),
    });
  }
}

/**
 * Whether a database server is out of reach, starting or stopping, rather than refusing what it was asked:
 * classes 08 and 57 of the SQLSTATE codes (PostgreSQL's manual, appendix A), and what sockets report.
 */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(08|57)\w{3}$|^E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT)$/.test(code) || LOST.test(error.message);
}

/** As the driver words it, without a code. */
const LOST = /^Connection terminated|connection error and is not queryable|exceeded when trying to connect$/;

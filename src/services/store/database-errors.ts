/** Why a database can't be used: for the person who starts the gateway. */
import { GatewayError, StartError } from '../../errors.js';
import { isAway } from './unavailable.js';

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
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${file} can't be used as the database: ${why}; see DATABASE_URL`, {
      cause,
      mayPass: isAway(cause),
    });
  }
}

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
    super(`${file} can't be used as the database: ${why}; see DATABASE_URL`, { cause });
  }
}

/**
 * A database that cannot answer: the one place where it is recognised, and told as STORE_UNAVAILABLE.
 *
 * What a database says is final (a broken constraint, a missing table) stays the error that it is.
 */
import type { Logger } from 'pino';
import { GatewayError } from '../../errors.js';
import type { JobStore } from '../jobs/job-store.js';

/** What callers are asked to wait before they come again: a failover takes some seconds. */
const RETRY_AFTER_SECONDS = 2;
/** In an outage every call fails; one line in so many milliseconds tells it. */
const LOG_EVERY_MS = 10_000;
/** How often a database that was full is asked whether it still is. */
const LOOK_EVERY_MS = 1000;

/** What asks nothing of the database, or tells its errors itself. */
const UNTOLD: ReadonlySet<string | symbol> = new Set([
  'start',
  'stop',
  'keptRequest',
] satisfies (keyof JobStore)[]);

/** The same store, whose methods (but for these) reject with STORE_UNAVAILABLE where that is why. */
export function tellingUnavailable(store: JobStore, log: Logger): JobStore {
  let loggedAt = Number.NEGATIVE_INFINITY;
  /** Said once, until something could be written again. */
  let isFull = false;
  const told = (error: unknown): unknown => {
    if (!isUnavailable(error)) return error;
    const now = performance.now();
    if (FULL.test(codeOf(error))) {
      if (!isFull) log.error({ err: error }, 'the disk of the database is full: nothing can be stored');
      isFull = true;
    } else if (now - loggedAt >= LOG_EVERY_MS) {
      loggedAt = now;
      log.error({ err: error }, 'the database cannot answer');
    }
    return storeUnavailable(error);
  };
  let lookedAt = Number.NEGATIVE_INFINITY;
  const went = (name: string | symbol): void => {
    if (!isFull) return;
    const now = performance.now();
    if (name === 'ping') {
      isFull = false;
      log.info('the disk of the database has room again');
    } else if (now - lookedAt >= LOOK_EVERY_MS) {
      // Other calls may go well on a full disk; this one finds out whether there is room, also where nobody asks.
      lookedAt = now;
      telling.ping().catch(() => {});
    }
  };
  const telling = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (UNTOLD.has(name)) return member.bind(target);
      return async (...args: readonly unknown[]): Promise<unknown> => {
        try {
          const value: unknown = await member.apply(target, args);
          went(name);
          return value;
        } catch (error) {
          throw told(error);
        }
      };
    },
  });
  return telling;
}

/** A write took too long; it is not written, and will not be. */
export class TooLateError extends Error {
  constructor() {
    super('the write took too long, and was given up');
  }
}

/** A commit was under way, and whether it was made can't be found out in time. */
export class OutcomeUnknownError extends Error {
  constructor(cause: unknown) {
    super('whether the write was made is not known', { cause });
  }
}

function storeUnavailable(cause: unknown): GatewayError {
  const extensions = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return cause instanceof OutcomeUnknownError
    ? new GatewayError(
        'STORE_UNAVAILABLE',
        'The database did not say in time whether this was done; it may have been. Repeat a submit with the same idempotencyKey.',
        { cause, extensions: { ...extensions, outcome: 'UNKNOWN' } },
      )
    : new GatewayError('STORE_UNAVAILABLE', 'The database cannot answer at present; try again later.', {
        cause,
        extensions,
      });
}

/** The disk is, or the quota: SQLite's code, PostgreSQL's, and that of files. */
const FULL = /^(SQLITE_FULL|53100|ENOSPC|EDQUOT)$/;

/** Whether the database cannot answer now and may later, rather than refusing what it was asked. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof TooLateError || error instanceof OutcomeUnknownError) return true;
  const code = codeOf(error);
  return (
    isAway(error) ||
    UNAVAILABLE.some((codes) => codes.test(code)) ||
    (!hasCode(error) && NOT_ANSWERED.test(error.message))
  );
}

/** Whether a database server is out of reach, starting or stopping: in a moment it may be there. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return AWAY.test(codeOf(error)) || isLost(error) || (!hasCode(error) && NOT_CONNECTED.test(error.message));
}

/** Whether a connection ended that the server had accepted. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return CUT.test(codeOf(error)) || (!hasCode(error) && LOST.test(error.message));
}

/** The server's administrator ended it, or a crash did; or what lies between. */
const CUT = /^(57P0[12]|ECONNRESET|ECONNABORTED|EPIPE)$/;
/** Classes 08 and 57 of the SQLSTATE codes (PostgreSQL's manual, appendix A), and what sockets and resolvers report. */
const AWAY =
  /^(08|57)\w{3}$|^E(CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|AI_AGAIN)$/;
/** As pg words it, without a code. */
const LOST = /^Connection terminated|connection error and is not queryable|was closed and is not queryable/;
/** Without a code, of a connection that was not made. */
const NOT_CONNECTED = /^timeout exceeded when trying to connect$/;
const UNAVAILABLE = [
  // SQLSTATE: a standby's answer to a write (25006), transactions and locks that took too long, rolled back for
  // another's sake (40), out of resources (53), I/O (58030), and a server that lets nobody in (28, 3D).
  /^(25006|25P03|25P04|40\w{3}|53\w{3}|55P03|58030|28\w{3}|3D\w{3})$/,
  // SQLite's result codes and their extended forms: no room, no access, or another holds it.
  /^SQLITE_(BUSY|CANTOPEN|FULL|INTERRUPT|IOERR|LOCKED|NOLFS|NOMEM|PERM|PROTOCOL|READONLY)(_\w+)?$/,
  // The address cannot be resolved, or this process has no more files, ports or buffers.
  /^(ENOTFOUND|EMFILE|ENFILE|ENOBUFS|EADDRNOTAVAIL|ENOSPC|EDQUOT|EIO)$/,
];
/** Without a code: pg's own time-outs, and a store that is being stopped. */
const NOT_ANSWERED =
  /^Query read timeout$|^timeout expired$|calling end on the pool$|driver has already been destroyed|^The job store is not started/;

function hasCode(error: Error): boolean {
  return codeOf(error) !== '';
}

/** What the driver gives as the kind of an error; empty where it gives none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

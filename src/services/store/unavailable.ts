/**
 * Recognizes a database that cannot answer, and converts its errors to STORE_UNAVAILABLE. No other code does this.
 *
 * Final errors (a violated constraint, a missing table) are left unchanged.
 */
import type { Logger } from 'pino';
import { GatewayError } from '../../errors.js';
import type { JobStore } from '../jobs/job-store.js';

/** How long callers are asked to wait before a retry; a failover takes some seconds. */
const RETRY_AFTER_SECONDS = 2;
/** In an outage every call fails; it is logged at most this often. */
const LOG_EVERY_MS = 10_000;
/** How often to check whether a full database has room again. */
const LOOK_EVERY_MS = 1000;

/** Methods that do not query the database, or report its errors themselves. */
const UNTOLD: ReadonlySet<string | symbol> = new Set([
  'start',
  'stop',
  'keptRequest',
] satisfies (keyof JobStore)[]);

/** Wraps a store: its methods, except these, reject with STORE_UNAVAILABLE if the database cannot answer. */
export function tellingUnavailable(store: JobStore, log: Logger): JobStore {
  return tellerFor(store, log)(store);
}

/** Returns what wraps the parts of a store in this way. */
export function tellerFor(
  store: Pick<JobStore, 'ping'>,
  log: Logger,
): <Part extends object>(part: Part) => Part {
  let loggedAt = Number.NEGATIVE_INFINITY;
  /** Logged once, until something could be written again. */
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
      // Other calls may succeed on a full disk; a ping shows whether there is room, even if nothing else sends one.
      lookedAt = now;
      tell(store)
        .ping()
        .catch(() => {});
    }
  };
  const tell = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
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
  return tell;
}

/** A write took too long; it was not made, and will not be. */
export class TooLateError extends Error {
  constructor() {
    super('the write took too long, and was given up');
  }
}

/** A commit was under way, and its outcome can't be determined in time. */
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
    : new GatewayError('STORE_UNAVAILABLE', 'The database cannot answer right now; try again later.', {
        cause,
        extensions,
      });
}

/** The disk or the quota is full: codes of SQLite, PostgreSQL and files. */
const FULL = /^(SQLITE_FULL|53100|ENOSPC|EDQUOT)$/;

/** Whether the database cannot answer now but may later, as opposed to refusing the request. */
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

/** Whether a database server is unreachable, starting or stopping, and so may be back in a moment. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return AWAY.test(codeOf(error)) || isLost(error) || (!hasCode(error) && NOT_CONNECTED.test(error.message));
}

/** Whether an established connection was lost. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return CUT.test(codeOf(error)) || (!hasCode(error) && LOST.test(error.message));
}

/** Ended by the server's administrator, by a crash, or by something in between. */
const CUT = /^(57P0[12]|ECONNRESET|ECONNABORTED|EPIPE)$/;
/** Classes 08 and 57 of the SQLSTATE codes (PostgreSQL's manual, appendix A), and codes of sockets and resolvers. */
const AWAY =
  /^(08|57)\w{3}$|^E(CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|AI_AGAIN)$/;
/** pg's messages, which have no code. */
const LOST = /^Connection terminated|connection error and is not queryable|was closed and is not queryable/;
/** pg's message for a connection that was not established; it has no code. */
const NOT_CONNECTED = /^timeout exceeded when trying to connect$/;
const UNAVAILABLE = [
  // SQLSTATE: a standby's answer to a write (25006), transaction and lock timeouts, rollbacks in favour of another
  // transaction (40), out of resources (53), I/O (58030), and a server that refuses logins (28, 3D).
  /^(25006|25P03|25P04|40\w{3}|53\w{3}|55P03|58030|28\w{3}|3D\w{3})$/,
  // SQLite's result codes and their extended forms: no room, no access, or locked by another.
  /^SQLITE_(BUSY|CANTOPEN|FULL|INTERRUPT|IOERR|LOCKED|NOLFS|NOMEM|PERM|PROTOCOL|READONLY)(_\w+)?$/,
  // The address cannot be resolved, or this process is out of files, ports or buffers.
  /^(ENOTFOUND|EMFILE|ENFILE|ENOBUFS|EADDRNOTAVAIL|ENOSPC|EDQUOT|EIO)$/,
];
/** Messages without a code: pg's own timeouts, and a store that is being stopped. */
const NOT_ANSWERED =
  /^Query read timeout$|^timeout expired$|calling end on the pool$|driver has already been destroyed|^The job store is not started/;

function hasCode(error: Error): boolean {
  return codeOf(error) !== '';
}

/** Returns the driver's error code; empty if there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

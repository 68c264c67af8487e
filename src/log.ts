/**
 * The log: one event per line on standard output, as JSON or as text (readable-lines.ts).
 *
 * A pipe that is not read must neither block the process nor fill its memory. So lines are written without waiting,
 * and dropped while too many are pending.
 */
import type { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { inTime } from './in-time.js';

export interface Log {
  readonly log: Logger;
  /** Resolves when all lines are written, or after `patienceMs`. Never rejects. */
  flush(patienceMs: number): Promise<void>;
}

/** The maximum number of unread bytes; further lines are dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * @param output a stream whose `write` does not block
 * @param format turns each line of JSON into what is written
 */
export function createLog(level: string, output: Writable, format = (line: string) => line): Log {
  let lostLines = 0;
  let isGone = false;
  const log = pino(
    { level },
    {
      write: (line: string) => {
        if (isGone) return;
        if (output.writableLength > MAX_WAITING_BYTES) lostLines += 1;
        else output.write(format(line));
      },
    },
  );
  // The reader is gone (EPIPE), or the disk is full. Neither is a reason to stop serving.
  output.on('error', (error: NodeJS.ErrnoException) => {
    isGone ||= error.code === 'EPIPE';
  });
  output.on('drain', () => {
    if (lostLines === 0) return;
    const lost = lostLines;
    lostLines = 0;
    log.warn({ lostLines: lost }, 'log lines were lost because standard output was not read');
  });
  return {
    log,
    flush: (patienceMs) =>
      inTime(new Promise<void>((resolve) => output.write('', () => resolve())), patienceMs, undefined),
  };
}

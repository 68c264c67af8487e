/**
 * Loaded into a gateway before everything else, to give it a wall clock that can be set: it is ahead of the
 * machine's by the milliseconds in the file CLOCK_FILE, which is read at the start and on SIGUSR2. The
 * monotonic clock is unaffected.
 */
import { readFileSync } from 'node:fs';

const Real = Date;
let aheadMs = fromFile();

globalThis.Date = class extends Real {
  constructor(...args) {
    if (args.length === 0) super(Real.now() + aheadMs);
    else super(...args);
  }

  static now() {
    return Real.now() + aheadMs;
  }
};

process.on('SIGUSR2', () => {
  aheadMs = fromFile();
});

function fromFile() {
  return Number(readFileSync(process.env.CLOCK_FILE, 'utf8'));
}

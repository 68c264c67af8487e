/** Logs what a stop is waiting for, if it takes longer than a moment. */
import type { Logger } from 'pino';

/** How often to look; whatever is over by then is not worth a line. */
const MOMENT_MS = 1000;

/**
 * @param waitedFor the part that is being stopped, and counts of what is unfinished; logged when they have changed
 * @returns a function that ends it
 */
export function logWaits(log: Logger, waitedFor: () => object): () => void {
  let said = '';
  const looks = setInterval(() => {
    const fields = waitedFor();
    const text = JSON.stringify(fields);
    if (text === said) return;
    said = text;
    log.info(fields, 'still stopping');
  }, MOMENT_MS);
  return () => clearInterval(looks);
}

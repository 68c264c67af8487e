/** The process: environment → app → signals → exit. */
import { createApp } from './app.js';
import { ConfigError, readConfig } from './config/config.js';
import { unknownSettings, warningOf } from './config/unknown-settings.js';
import { loadEnvFile } from './env-file.js';
import { reasonOf, StartError } from './errors.js';
import { greetingOf, startEventOf } from './greeting.js';
import { createLog } from './log.js';
import { endNow, untilNothingHoldsUp } from './process-end.js';
import { onStopSignals } from './stop-signals.js';

/** How long a stop may take beyond LAME_DUCK_MS and DRAIN_MS. The wait for a silent database is shorter. */
const CLOSE_MS = 10_000;
/** How long to wait until the last log lines are read. */
const FLUSH_MS = 1000;

/** Starts the gateway; never rejects. */
export async function main(): Promise<void> {
  try {
    await start();
  } catch (error) {
    for (const line of linesOf(error)) console.error(line);
    void endNow(1);
  }
}

async function start(): Promise<void> {
  loadEnvFile();
  const { config, secrets } = readConfig(process.env);
  // Without a log, what is printed is for people.
  const isForPeople = process.stdout.isTTY || config.logLevel === 'silent';
  const format = config.logFormat ?? (isForPeople ? 'pretty' : 'json');
  const { log, flush } = createLog(
    config.logLevel,
    process.stdout,
    format === 'pretty' ? await loadReadableLines() : undefined,
  );
  for (const unknown of unknownSettings(process.env)) log.warn(unknown, warningOf(unknown));
  const app = createApp(config, secrets, { log });

  let exitCode = 0;
  let isStopping = false;
  const stop = async (lameDuckMs: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    const deadlineMs = lameDuckMs + config.drainMs + CLOSE_MS;
    setTimeout(() => {
      console.error(`The stop was not over after ${deadlineMs} ms; the process ends without it`);
      void endNow(1);
    }, deadlineMs);
    await app.stop({ lameDuckMs });
    await flush(FLUSH_MS);
    await untilNothingHoldsUp();
    await endNow(exitCode);
  };
  onStopSignals({
    stop: () => void stop(config.lameDuckMs),
    // Everything that matters is on disk.
    endNow: () => void endNow(130),
  });
  // Don't continue in an unknown state: everything that matters is on disk.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'unexpected error; the gateway is stopping');
    console.error(`Unexpected error, see the log: ${reasonOf(error)}`);
    exitCode = 1;
    void stop(0);
  });

  const started = { ...(await app.start()), takesAnyDocument: config.trustedDocuments === null };
  if (format === 'pretty') console.log(greetingOf(started));
  // Whatever LOG_LEVEL is: with PORT=0 nothing else tells the address.
  else log.child({}, { level: 'info' }).info(startEventOf(started));
}

/** Loaded only here, because most gateways write JSON. */
async function loadReadableLines(): Promise<(line: string) => string> {
  const { readableLines } = await import('./readable-lines.js');
  // Without a terminal there is no such method; with one it knows NO_COLOR.
  return readableLines(process.stdout.hasColors?.() === true);
}

/** Returns one line per mistake, for the operator. */
function linesOf(error: unknown): readonly string[] {
  // A setting that seems to be missing may be misspelt.
  if (error instanceof ConfigError) return [...error.lines, ...unknownSettings(process.env).map(warningOf)];
  if (error instanceof StartError) return [error.message];
  return [`The gateway can't start: ${reasonOf(error)}`];
}

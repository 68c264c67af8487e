/**
 * Starts and stops the gateway. A start opens external resources (open.ts), listens, creates the parts (compose.ts)
 * and starts them; a stop undoes all of it in reverse order. `createApp` itself starts nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { compose, type Parts } from './compose.js';
import type { Config, Secrets } from './config/config.js';
import { cannotListen, databaseUnusable } from './drivers.js';
import { StartError } from './errors.js';
import { listen } from './http/listener.js';
import { type Opened, type Overrides, open, type Stoppable, type Stops } from './open.js';
import { proxyHosts } from './outgoing.js';
import type { Sandbox } from './sandbox/sandbox.js';
import { logWaits } from './stop-log.js';

export type { Overrides };

export interface App {
  /** @throws StartError */
  start(): Promise<Running>;
  /** Drains and closes everything. May be called twice, and before or during `start`. Never rejects. */
  stop(options?: StopOptions): Promise<void>;
}

interface StopOptions {
  /** How long a running gateway keeps serving while it reports not ready, in milliseconds; default 0. */
  readonly lameDuckMs?: number;
}

export interface Running {
  /** The gateway's URL on this machine, like `http://127.0.0.1:4000`. */
  readonly url: string;
  /** The URL at which Akool reaches it; null if it can't, so that results are polled. */
  readonly publicUrl: string | null;
  /** The built-in sandbox; null if there is a key for the real Akool. */
  readonly sandbox: Sandbox | null;
  /** Whether GraphiQL is served. */
  readonly graphiql: boolean;
  readonly studio: boolean;
  /** The hosts of the proxies in use. */
  readonly proxies: ReturnType<typeof proxyHosts>;
}

const START_AGAIN_MS = 250;

export function createApp(config: Config, secrets: Secrets, overrides: Overrides = {}): App {
  const log = overrides.log ?? pino({ level: config.logLevel });
  const given = { config, secrets, log };
  const stops: Stops = [];
  let starting: Promise<Running> | null = null;
  let stopping: Promise<void> | null = null;
  let isStarting = false;
  /** On the monotonic clock. */
  let drainUntil = 0;
  /** The part that is being stopped, for the log. */
  let stoppingPart = '';
  /** Counts of what a stop waits for, for the log. */
  let unfinished = (): object => ({});

  return {
    start: () => {
      starting ??= stopping === null ? begin() : Promise.reject(new Error('The app was stopped'));
      return starting;
    },
    stop: (options) => {
      stopping ??= stop(options);
      return stopping;
    },
  };

  async function stop({ lameDuckMs = 0 }: StopOptions = {}): Promise<void> {
    if (isStarting) log.info({ part: 'start' }, 'stopping, as soon as the start is over');
    const isRunning = await starting?.then(
      () => true,
      () => false,
    );
    if (isRunning !== true) return undo();
    const begun = performance.now();
    log.info({ lameDuckMs, drainMs: config.drainMs }, 'stopping');
    await sleep(lameDuckMs);
    drainUntil = performance.now() + config.drainMs;
    const endWaits = logWaits(log, () => ({ part: stoppingPart, ...unfinished() }));
    await undo();
    endWaits();
    log.info({ ms: Math.round(performance.now() - begun) }, 'stopped');
  }

  /** Stops what was started, last first. If one part fails to stop, the others are still stopped. */
  async function undo(): Promise<void> {
    for (const { part, stop } of stops.splice(0).reverse()) {
      stoppingPart = part;
      try {
        await stop();
      } catch (error) {
        log.error({ err: error, part }, 'a part did not stop cleanly');
      }
    }
  }

  async function begin(): Promise<Running> {
    isStarting = true;
    try {
      return await start();
    } finally {
      isStarting = false;
    }
  }

  async function start(): Promise<Running> {
    let failedAt: number | null = null;
    let patientUntil = 0;
    for (;;) {
      try {
        return await startOnce();
      } catch (error) {
        await undo();
        if (!(error instanceof StartError) || stopping !== null) throw error;
        const now = performance.now();
        failedAt ??= now;
        // A lost server refuses connections while it restarts; that must not shorten the wait.
        patientUntil = Math.max(patientUntil, failedAt + error.patienceMs);
        if (error.patienceMs === 0 || now >= patientUntil) throw error;
        log.warn({ reason: error.message }, 'not started yet; trying again');
      }
      await sleep(START_AGAIN_MS);
    }
  }

  async function startOnce(): Promise<Running> {
    const opened = await open(given, overrides, stops);
    const { store, sandbox } = opened;
    const listener = await listen(config).catch((error: unknown) => {
      throw cannotListen(config, error);
    });
    stops.push({ part: 'listener', stop: () => listener.stop(0) });
    const { url } = listener;
    const publicUrl = config.publicUrl ?? (sandbox === null ? null : url);
    sandbox?.fetchUploadsFrom({ url, publicUrl });
    const parts = await compose(given, opened, listener, publicUrl, () => stopping !== null);

    stops.push({ part: 'thumbnails', stop: () => parts.thumbnails.stop() });
    // Take over what was being sent when the process died: no other instance can be sending it.
    if (store.exclusive) {
      await parts.reconciler.takeOver(0);
      await opened.uploadStore.abandonAll();
    }
    const { dispatcher, http } = parts;
    unfinished = () => ({ jobsBeingSent: dispatcher.sending, ...http.unfinished });
    // After the HTTP server, which gives senders time to end.
    stops.push({ part: 'upload receiver', stop: () => parts.receiver.stop() });
    stops.push({
      part: 'HTTP server',
      stop: () => stopTogether([parts.catchUp, { stop: () => http.stop(drainUntil - performance.now()) }]),
    });
    // With an exclusive store this instance makes every change itself, so there is nothing to catch up on.
    if (!store.exclusive) {
      await parts.catchUp.start().catch((error: unknown) => {
        throw databaseUnusable(secrets, error);
      });
    }
    await http.serve();
    setToWork(parts, opened);
    const proxies = proxyHosts(secrets.proxies);
    const { graphiql, studio } = config;
    return { url, publicUrl, sandbox, graphiql, studio, proxies };
  }

  function setToWork(parts: Parts, { beating }: Opened): void {
    const { dispatcher, watch, reconciler, metrics, positions } = parts;
    const { archiver, eraser, uploadSweeper, thumbnailSweeper, leftovers, expiry } = parts;
    const always = [metrics, positions, archiver, eraser, uploadSweeper, thumbnailSweeper, leftovers, expiry];
    // Stopped first: nothing new begins, and calls in flight finish while everything else still serves.
    stops.push({
      part: 'workers',
      stop: () => stopTogether([dispatcher, watch, reconciler, ...always, ...beating]),
    });
    for (const worker of always) worker.start();
    if (overrides.withoutReconciler !== true) reconciler.start();
    if (config.dispatchPaused) {
      log.warn('DISPATCH is paused: waiting jobs are kept and not sent until a start without it');
    } else {
      dispatcher.start();
      watch.start();
    }
  }
}

/** Stops them in parallel, because each may wait for a database that does not answer. */
async function stopTogether(parts: readonly Stoppable[]): Promise<void> {
  const ends = await Promise.allSettled(parts.map(async (part) => part.stop?.()));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * The signals that stop a process: the first begins the stop, a later one ends the process at once.
 *
 * npm, systemd and terminals send the same signal twice, or SIGHUP with another one, milliseconds apart. Such an echo
 * does not ask for an immediate end, so it is ignored.
 */
interface StopHandlers {
  /** Called once. */
  readonly stop: (signal: StopSignal) => void;
  readonly endNow: (signal: StopSignal) => void;
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How long after the first signal another one may be its echo. */
const ECHO_MS = 2000;

export function onStopSignals({ stop, endNow }: StopHandlers): void {
  let first: { readonly signal: StopSignal; readonly at: number } | null = null;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (first === null) {
        first = { signal, at: performance.now() };
        stop(signal);
      } else if (performance.now() - first.at >= ECHO_MS || !mayEcho(first.signal, signal)) {
        endNow(signal);
      }
    });
  }
}

function mayEcho(first: StopSignal, second: StopSignal): boolean {
  return first === second || first === 'SIGHUP' || second === 'SIGHUP';
}

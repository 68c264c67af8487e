/** Ports to start something on. */
import { connect } from 'node:net';

/** Below those that the system gives to outgoing connections. */
const FIRST = 20_000;
const LAST = 32_000;
const PORTS_A_WORKER = 1000;

/** Workers of one test run begin far apart, so that two do not find the same port free at once. */
const worker = Number(process.env['VITEST_POOL_ID'] ?? process.pid) % ((LAST - FIRST) / PORTS_A_WORKER);
let next = FIRST + worker * PORTS_A_WORKER;

/**
 * A free port that this process was not given before, below those of outgoing connections: a client that tries
 * a dead server's port again and again must not be given that very port as its own.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < LAST - FIRST; tries++) {
    const port = next;
    next = next + 1 > LAST ? FIRST : next + 1;
    if (!(await isListening(port))) return port;
  }
  throw new Error(`No port is free between ${FIRST} and ${LAST}`);
}

/** Whether somebody takes connections there. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

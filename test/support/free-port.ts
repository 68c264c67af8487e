/** Ports to start something on. */
import { connect, createServer } from 'node:net';

/** Below those that the system gives to outgoing connections. */
const FIRST = 20_000;
const LAST = 32_000;
/** More than the tests that one process runs ask for. */
const PORTS_A_PROCESS = 400;
const RANGES = (LAST - FIRST) / PORTS_A_PROCESS;

/** How many ports this process was given. */
let given = 0;
let claim: Promise<number> | null = null;

/**
 * A free port that no process was given before, below those of outgoing connections: a client that tries a dead
 * server's port again and again must not be given that very port as its own.
 */
export async function freePort(): Promise<number> {
  claim ??= claimed();
  const first = await claim;
  for (let tries = 1; tries < PORTS_A_PROCESS; tries++) {
    // The first port is what the range is claimed by.
    const port = first + 1 + (given % (PORTS_A_PROCESS - 1));
    given += 1;
    if (!(await isListening(port))) return port;
  }
  throw new Error(`No port is free between ${first} and ${first + PORTS_A_PROCESS}`);
}

/**
 * The first port of a range that is this process's alone, because it listens there for as long as it lives. Vitest
 * numbers its workers, but gives two of them the same number.
 */
async function claimed(): Promise<number> {
  for (let tries = 0; tries < RANGES; tries++) {
    const port = FIRST + ((process.pid + tries) % RANGES) * PORTS_A_PROCESS;
    if (await listens(port)) return port;
  }
  throw new Error(`All ${RANGES} ranges of ports are taken`);
}

/** False: somebody else does. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => {
      server.unref();
      resolve(true);
    });
  });
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

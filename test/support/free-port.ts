/** Free ports for servers. */
import { connect, createServer } from 'node:net';

/** Below the ports that the system uses for outgoing connections. */
const FIRST = 20_000;
const LAST = 32_000;
/** More than the tests of one process need. */
const PORTS_A_PROCESS = 400;
const RANGES = (LAST - FIRST) / PORTS_A_PROCESS;

/** Number of ports given out in this process. */
let given = 0;
let claim: Promise<number> | null = null;

/**
 * A free port that no other process gets, below those of outgoing connections: a client that keeps retrying a
 * dead server's port must not get that very port as its own.
 */
export async function freePort(): Promise<number> {
  claim ??= claimed();
  const first = await claim;
  for (let tries = 1; tries < PORTS_A_PROCESS; tries++) {
    // The first port of the range is the claim itself.
    const port = first + 1 + (given % (PORTS_A_PROCESS - 1));
    given += 1;
    if (!(await isListening(port))) return port;
  }
  throw new Error(`No port is free between ${first} and ${first + PORTS_A_PROCESS}`);
}

/**
 * The first port of a range that belongs to this process, because it listens there for as long as it lives.
 * Vitest's worker numbers would not do, because two workers may have the same one.
 */
async function claimed(): Promise<number> {
  for (let tries = 0; tries < RANGES; tries++) {
    const port = FIRST + ((process.pid + tries) % RANGES) * PORTS_A_PROCESS;
    if (await listens(port)) return port;
  }
  throw new Error(`All ${RANGES} ranges of ports are taken`);
}

/** Returns false if another process is listening there. */
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

/** Whether connections are accepted there. */
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

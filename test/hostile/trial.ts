/** One attack on one gateway: a quiet period, the attack, and its aftermath. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { akoolSettings } from '../support/akool-settings.js';
import { freePort } from '../support/free-port.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../support/services.js';
import type { Attack, Size } from './attack.js';
import type { BystanderReport } from './bystander.js';
import { CALLERS } from './callers.js';
import { Provider } from './provider.js';
import { judge, type Verdict } from './verdict.js';
import { Victim } from './victim.js';
import type { Role } from './worker.js';

export interface TrialOptions {
  readonly size: Size;
  /** The gateway's script, `dist/index.js`. */
  readonly program: string;
  /** The bundled `worker.ts`. */
  readonly worker: string;
  /** A gateway that is not attacked: shows how fast this machine currently responds. */
  readonly control: Victim;
}

/** Eight slots, and jobs that take a third of a second. */
const SLOTS = '8';
const SANDBOX = { queueMs: 20, processMs: 300, maxConcurrency: 1000, credit: 1_000_000 };
export const VICTIM_SETTINGS = {
  ...CALLERS,
  LOG_LEVEL: 'warn',
  KEEP_RESULTS: 'false',
  AKOOL_MAX_CONCURRENCY: SLOTS,
  SUBMIT_WAIT_MS: '1000',
  DRAIN_MS: '2000',
};

const PEACE_MS: Readonly<Record<Size, number>> = { full: 5000, small: 1500 };
/** An attack is cut off after this time. */
const ATTACK_LIMIT_MS: Readonly<Record<Size, number>> = { full: 180_000, small: 120_000 };
/** Effects of an attack may show a little later. */
const AFTERMATH_MS = 1500;
const RECOVERY_LIMIT_MS = 60_000;
const RECOVERED_BYTES = 90 * 1024 * 1024;
const LOOK_EVERY_MS = 250;

export async function runTrial(attack: Attack, options: TrialOptions): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
  const sandbox = createSandbox({ ...SANDBOX, faults: attack.akool ?? {} });
  await sandbox.start();
  const provider = new Provider(sandbox.url);
  await provider.start();
  const undo: (() => unknown)[] = [() => sandbox.stop(), () => provider.stop()];
  try {
    const database = attack.hasCompanion ? await sharedDatabase() : null;
    if (database !== null) undo.unshift(() => database.drop());
    const start = async (): Promise<Victim> => {
      const victim = await Victim.start({
        program: options.program,
        folder,
        port: await freePort(),
        env: {
          ...VICTIM_SETTINGS,
          DATABASE_URL: database?.url ?? `sqlite:${join(folder, 'gateway.db')}`,
          ...akoolSettings(sandbox),
          AKOOL_BASE_URL: provider.url,
          ...attack.settings?.(folder),
        },
      });
      undo.unshift(() => victim.stop());
      return victim;
    };
    const victim = await start();
    const companion = attack.hasCompanion ? await start() : null;
    return await attackBetweenTimes(attack, options, victim, companion, sandbox);
  } finally {
    for (const step of undo) await step();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function attackBetweenTimes(
  { name }: Attack,
  { size, worker, control }: TrialOptions,
  victim: Victim,
  companion: Victim | null,
  sandbox: Sandbox,
): Promise<Verdict> {
  const attacker = (step: 'prepare' | 'run') => ({
    kind: 'attacker' as const,
    attack: name,
    step,
    url: victim.url,
    size,
    companion: companion && { url: companion.url, pid: companion.pid },
  });
  await done(worker, attacker('prepare'), ATTACK_LIMIT_MS[size]);
  const bystander = threadOf(worker, {
    kind: 'bystander',
    url: victim.url,
    pid: victim.pid,
    controlUrl: control.url,
  });
  await answerOf(bystander);
  await sleep(PEACE_MS[size]);
  const before = victim.memory()?.resident ?? 0;
  const attackedFrom = Date.now();
  const leaks = await done(worker, attacker('run'), ATTACK_LIMIT_MS[size]);
  await sleep(AFTERMATH_MS);
  const attackedUntil = Date.now();
  await until(RECOVERY_LIMIT_MS, () => {
    const resident = victim.memory()?.resident;
    return resident === undefined || resident - before < RECOVERED_BYTES;
  });
  const memory = victim.memory();
  bystander.postMessage('stop');
  const [report] = (await answerOf(bystander)) as [BystanderReport];
  await bystander.terminate();
  return judge({
    attack: name,
    leaks: leaks === null ? ['the attack was not over in time'] : (leaks as readonly string[]),
    deaths: victim.deaths,
    bystander: report,
    attackedFrom,
    attackedUntil,
    bills: sandbox.bills,
    before,
    peak: memory?.peak ?? 0,
    after: memory?.resident ?? 0,
  });
}

async function sharedDatabase(): Promise<TestDatabase> {
  const server = await postgresUrl();
  if (server === null) throw new Error('This attack needs a PostgreSQL; TEST_POSTGRES_URL says where');
  return withDatabase(server);
}

function threadOf(program: string, role: Role): Worker {
  return new Worker(program, { workerData: role });
}

/** The thread's final message, or null if the time was up first. */
async function done(program: string, role: Role, limitMs: number): Promise<unknown> {
  const thread = threadOf(program, role);
  const over = new AbortController();
  const limit = sleep(limitMs, [null], { signal: over.signal }).catch(() => [null]);
  const [answer] = await Promise.race([answerOf(thread), limit]);
  over.abort();
  await thread.terminate();
  return answer;
}

function answerOf(thread: Worker): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    thread.once('message', (answer: unknown) => resolve([answer]));
    thread.once('error', reject);
  });
}

/** Resolves when `isSo` returns true, or the time is up. */
async function until(limitMs: number, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + limitMs; !isSo() && Date.now() < end; ) await sleep(LOOK_EVERY_MS);
}

/**
 * A simulation of Akool's Face Swap API: a real HTTP server with real callbacks, its own billing, and faults
 * on demand. It shares no code with the gateway, so that it does not share its bugs.
 *
 *     const sandbox = createSandbox({ processMs: 50 });
 *     await sandbox.start();
 *     await fetch(`${sandbox.url}/api/open/v4/faceswap/faceswapByImage`, …);
 *     await sandbox.stop();
 */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import type { Delivery } from './courier.js';
import type { FaultPlan } from './fault-plan.js';
import type { Gate, GatePoint } from './gate.js';
import type { Bill, SandboxJob } from './job.js';
import { Journal } from './journal.js';
import { SANDBOX_API_KEY, type SandboxOptions } from './sandbox-options.js';
import { createServer } from './server.js';
import { createTwin, noRequests, type RequestCounts, type Twin } from './twin.js';
import type { UploadsGateway } from './uploads.js';

export type { Delivery } from './courier.js';
export type { FaultPlan } from './fault-plan.js';
export type { Gate, GatePoint } from './gate.js';
export type { Bill, JobStatus, SandboxJob } from './job.js';
export { SANDBOX_API_KEY, SANDBOX_CLIENT_ID, type SandboxOptions } from './sandbox-options.js';
export type { UploadsGateway } from './uploads.js';

export interface Sandbox {
  /** Its base URL, without a trailing slash. @throws Error before the first start */
  readonly url: string;
  readonly apiKey: string;
  readonly clientId: string;
  start(): Promise<void>;
  /** Closes every connection, and waits until everything has stopped. Keeps its state. */
  stop(): Promise<void>;

  /** From now on, results show the uploads of this gateway. It needs to be known only once it listens. */
  fetchUploadsFrom(gateway: UploadsGateway): void;

  /** One for each accepted submit, oldest first. */
  readonly bills: readonly Bill[];
  readonly jobs: readonly SandboxJob[];
  readonly deliveries: readonly Delivery[];
  readonly requests: Readonly<RequestCounts>;
  /** The current number of accepted, unfinished jobs. */
  readonly concurrency: number;
  readonly peakConcurrency: number;
  credit: number;

  /** @throws FaultPlanError */
  setFaults(plan: FaultPlan): void;
  expireTokens(): void;
  /** Deletes jobs, bills and counts; restores credit and faults of the first start. */
  reset(): void;
  /** Ends a job now. Returns false if it had already ended. @throws Error for an unknown id */
  finish(providerId: string, status?: 3 | 4): boolean;
  /**
   * Moves a job from 1 to 2, or from 2 to its end, now. Returns false if it had already ended. @throws Error
   * for an unknown id
   */
  advance(providerId: string): boolean;
  /** Makes every call that reaches a point wait until the gate is released. */
  hold(point: GatePoint): Gate;
  /** Resolves when every job that does not stall has ended and no callback is owed. */
  settled(): Promise<void>;
}

/** @throws FaultPlanError, or RangeError for a key that AES cannot use */
export function createSandbox(options: SandboxOptions = {}): Sandbox {
  return new AkoolTwin(options);
}

class AkoolTwin implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #journal: Journal | undefined;
  readonly #twin: Twin;
  readonly #logger: Logger;
  #port: number;
  #url: string | undefined;
  #restored = false;
  #server: FastifyInstance | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: SandboxOptions) {
    if (![16, 24, 32].includes(Buffer.byteLength(options.apiKey ?? SANDBOX_API_KEY)))
      throw new RangeError('The API key of the sandbox must be 16, 24 or 32 bytes long');
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#logger = options.logger ?? pino({ level: 'silent' });
    this.#journal = options.journalFile === undefined ? undefined : new Journal(options.journalFile);

    this.#twin = createTwin(options, {
      journal: this.#journal,
      logger: this.#logger,
      url: () => this.url,
      reset: () => this.reset(),
      expireTokens: () => this.expireTokens(),
    });
  }

  get url(): string {
    if (this.#url === undefined) throw new Error('The sandbox has no URL before it is started');
    return this.#url;
  }

  get apiKey(): string {
    return this.#twin.credentials.clientSecret;
  }

  get clientId(): string {
    return this.#twin.credentials.clientId;
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#server) return;
      this.#restore();
      const server = createServer(this.#twin, this.#logger);
      const host = this.#options.host ?? '127.0.0.1';
      try {
        await server.listen({ host, port: this.#port });
      } catch (error) {
        await server.close();
        throw error;
      }
      this.#server = server;
      this.#port = (server.server.address() as AddressInfo).port;
      this.#url = `http://${reachable(host)}:${this.#port}`;
      // Only now, because a failed start must not touch the journal of the sandbox that has the port.
      this.#journal?.begin([
        ...this.#twin.ledger.entries(),
        { tokenGeneration: this.#twin.credentials.generation },
      ]);
      this.#twin.courier.start();
      this.#twin.results.start();
      for (const job of this.#twin.ledger.jobs) {
        for (const status of job.owed) this.#twin.courier.announce(job, status);
        this.#twin.generation.begin(job);
      }
    });
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#server) return;
      this.#twin.generation.stop();
      this.#twin.timers.clear();
      this.#twin.gates.abandon();
      await Promise.all([this.#twin.courier.stop(), this.#twin.results.stop(), this.#server.close()]);
      this.#journal?.close();
      this.#server = undefined;
    });
  }

  fetchUploadsFrom(gateway: UploadsGateway): void {
    this.#twin.uploads.fetchFrom(gateway);
  }

  get bills(): readonly Bill[] {
    return this.#twin.ledger.bills;
  }

  get jobs(): readonly SandboxJob[] {
    return this.#twin.ledger.jobs;
  }

  get deliveries(): readonly Delivery[] {
    return this.#twin.courier.deliveries;
  }

  get requests(): Readonly<RequestCounts> {
    return this.#twin.requests;
  }

  get concurrency(): number {
    return this.#twin.ledger.concurrency;
  }

  get peakConcurrency(): number {
    return this.#twin.ledger.peakConcurrency;
  }

  get credit(): number {
    return this.#twin.ledger.credit;
  }

  set credit(credit: number) {
    this.#twin.ledger.credit = credit;
  }

  setFaults(plan: FaultPlan): void {
    this.#twin.faults.set(plan);
  }

  expireTokens(): void {
    this.#twin.credentials.expireTokens();
    this.#journal?.append({ tokenGeneration: this.#twin.credentials.generation });
  }

  reset(): void {
    this.#twin.generation.stop();
    this.#twin.courier.clear();
    this.#twin.courier.deliveries.length = 0;
    this.#twin.ledger.reset();
    this.#twin.results.clear();
    this.#journal?.append({ tokenGeneration: this.#twin.credentials.generation });
    this.#twin.faults.set(this.#options.faults ?? {});
    Object.assign(this.#twin.requests, noRequests());
  }

  finish(providerId: string, status: 3 | 4 = 3): boolean {
    return this.#twin.generation.finish(this.#job(providerId), status);
  }

  advance(providerId: string): boolean {
    return this.#twin.generation.advance(this.#job(providerId));
  }

  hold(point: GatePoint): Gate {
    return this.#twin.gates.hold(point);
  }

  settled(): Promise<void> {
    return this.#twin.ledger.settled();
  }

  #job(id: string): SandboxJob {
    const job = this.#twin.ledger.job(id);
    if (!job) throw new Error(`The sandbox has no job ${id}`);
    return job;
  }

  /** Only once: later entries of the journal are in memory too. */
  #restore(): void {
    if (!this.#journal || this.#restored) return;
    const entries = this.#journal.read();
    this.#twin.ledger.restore(entries);
    for (const entry of entries)
      if ('tokenGeneration' in entry) this.#twin.credentials.restore(entry.tokenGeneration);
    this.#restored = true;
  }

  /** Runs concurrent starts and stops one after another. */
  #inTurn(go: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(go);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

/** The address to call for a given address to listen on. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * One chaos run: a sandbox that survives it and whose bills are authoritative, gateways that are killed and
 * restarted, customers who want their pictures, and an audit at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { akoolSettings } from '../support/akool-settings.js';
import { audit } from './audit.js';
import { Cluster } from './cluster.js';
import { Customer, type FoundJob, RefusedError, type Sighting } from './customer.js';
import { Dice } from './dice.js';
import { FAULTS } from './faults.js';
import { auditFiles, CLAIM_ENDS_MS, Files } from './files.js';
import { Killer } from './killer.js';
import type { ChaosOptions } from './options.js';
import { type Order, planOrders, type Tenant, tenantsOf, withSource } from './orders.js';
import { GATEWAY_SETTINGS, SANDBOX_PACE, STALLS_ON_MS } from './pace.js';
import { type Report, type Row, violationsIn } from './report.js';
import { embedded, type Services, shared } from './services.js';
import { CUT_OFF } from './verdict.js';

const SOCKETS_PER_TENANT = 5;
/** Between a change's timestamp and its commit, including clock differences between processes. */
const STORING_MS = 250;
/** How long the sandbox may take to deliver its last callbacks. */
const SETTLE_MS = 5000;
/** A job without news for this long after its deadline will never end, also on a busy machine. */
const SILENCE_MS = 10_000;
/** Time for the audit itself. */
const AUDIT_MS = 240_000;
const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELED']);
/** How often a run says how far it is. */
const PROGRESS_MS = 5000;

/** @param say hears how far the run is, a line at a time */
export async function runChaos(
  options: ChaosOptions,
  say: (line: string) => void = () => {},
): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-run-'));
  const archive = join(folder, 'archive');
  const sandbox = createSandbox({
    ...SANDBOX_PACE,
    // High enough that exceeding the gateway's limit shows in the audit instead of being refused here.
    maxConcurrency: 1_000_000,
    credit: 1_000_000,
    faults: FAULTS,
    seed: options.seed,
  });
  await sandbox.start();
  const services =
    options.store === 'postgres' ? await shared(options.silenceMs) : embedded(join(folder, 'gateway.db'));
  const cluster = await Cluster.at({
    program: join(options.root, options.reconciler ? 'dist/index.js' : 'test/chaos/without-reconciler.mjs'),
    folder,
    instances: options.instances,
    mayFailToStart: (startedAt) => services.mayFailToStart(startedAt),
    env: {
      ...GATEWAY_SETTINGS,
      ...services.env,
      JOB_DEADLINE_MS: String(options.deadlineMs),
      ...akoolSettings(sandbox),
      ARCHIVE_DIR: archive,
      AUTH_API_KEYS: tenantsOf(options)
        .map(({ name, apiKey }) => `${name}:${apiKey}`)
        .join(','),
    },
  });
  let failed = true;
  try {
    const uploads = join(archive, 'uploads');
    const rows = await new Run({ options, sandbox, cluster, services, uploads, say }).go();
    const violations = violationsIn(rows);
    failed = violations.length > 0;
    return { rows, violations, folder: failed ? folder : null };
  } finally {
    await cluster.close();
    await services.close(failed);
    await sandbox.stop();
    if (!failed) rmSync(folder, { recursive: true, force: true });
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #sandbox: Sandbox;
  readonly #cluster: Cluster;
  readonly #services: Services;
  readonly #uploads: string;
  readonly #say: (line: string) => void;
  readonly #startedAt = performance.now();
  readonly #answers = new Map<string, Set<string>>();
  readonly #sightings: Sighting[] = [];
  /** As they were submitted. */
  readonly #orders: Order[] = [];
  readonly #refusals: string[] = [];
  readonly #tookMs: number[] = [];

  constructor(parts: {
    readonly options: ChaosOptions;
    readonly sandbox: Sandbox;
    readonly cluster: Cluster;
    readonly services: Services;
    /** The folder of the customers' files. */
    readonly uploads: string;
    readonly say: (line: string) => void;
  }) {
    const { say } = parts;
    this.#options = parts.options;
    this.#sandbox = parts.sandbox;
    this.#cluster = parts.cluster;
    this.#services = parts.services;
    this.#uploads = parts.uploads;
    this.#say = (line) => say(`${this.#seconds().toFixed(0).padStart(5)} s  ${line}`);
  }

  async go(): Promise<readonly Row[]> {
    const { kills, seed, limitMs } = this.#options;
    const orders = planOrders(this.#options);
    const limit = AbortSignal.timeout(limitMs);
    const over = new AbortController();
    const signal = AbortSignal.any([limit, over.signal]);
    const customers = this.#customers(signal);
    const files = new Files(signal);
    const cluster = this.#cluster;
    const killer = new Killer({ cluster, sandbox: this.#sandbox, seed, signal });

    this.#say('the gateways start');
    cluster.start();
    const progress = setInterval(() => this.#say(this.#progress(killer.kills)), PROGRESS_MS).unref();
    const disturbed = Promise.all([
      this.#disturb([...customers.values()], signal),
      this.#services.disturb(seed, signal),
    ]);
    const served = Promise.all(orders.map((order, n) => this.#serve(order, n, customers, killer, files)));
    const killed = killer.run(kills);
    await Promise.race([Promise.all([killed, served]), killed.then(() => this.#standstill(files, signal))]);
    clearInterval(progress);
    this.#say(`${this.#progress(killer.kills)}; the last callbacks arrive`);
    const isCutOff = limit.aborted;
    over.abort();
    for (const customer of customers.values()) customer.leave();
    await disturbed;
    if (!isCutOff) await Promise.race([this.#sandbox.settled(), sleep(SETTLE_MS, null, { ref: false })]);

    this.#say('the audit: every submit once more, and what was seen, stored and billed side by side');
    // Kill once more, so that the audit sees what is on disk.
    await cluster.kill();
    const killedAt = Date.now();
    const peak = this.#sandbox.peakConcurrency;
    this.#tookMs.push(...[...customers.values()].flatMap(({ tookMs }) => tookMs));
    const rows = await this.#audit(orders.length, files);
    const unclean = await this.#uncleanStop();
    const stored = await this.#services.uploadRows();
    return [
      { what: CUT_OFF, value: Number(isCutOff), atMost: 0 },
      ...rows,
      ...auditFiles(files.evidence(stored, killedAt)),
      ...this.#services.rows,
      { what: '  with those whose slot was given back', value: peak, atMost: null },
      { what: 'stops at the end that were not clean', ...unclean },
      { what: 'wall time, seconds', value: this.#seconds().toFixed(1), atMost: null },
    ];
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  #progress(killed: number): string {
    const { kills, jobs } = this.#options;
    const ended = new Set(this.#sightings.flatMap(({ id, completed }) => (completed ? [id] : [])));
    return `${killed} of ${kills} kills, ${this.#answers.size} of ${jobs} jobs accepted, ${ended.size} ended`;
  }

  /** Resolves when there has been no news for longer than any job may be silent, or the time is up. */
  async #standstill(files: Files, signal: AbortSignal): Promise<void> {
    await this.#cluster.ready(signal);
    const quietMs = this.#options.deadlineMs + SILENCE_MS + this.#services.silenceMs;
    let heard = this.#news(files);
    let heardAt = performance.now();
    while (!signal.aborted && performance.now() < heardAt + quietMs + (files.areSent ? 0 : CLAIM_ENDS_MS)) {
      await sleep(200);
      const now = this.#news(files);
      if (now !== heard) heardAt = performance.now();
      heard = now;
    }
  }

  /** Grows with all that happens to the jobs and their files. */
  #news(files: Files): number {
    return this.#sightings.reduce(
      (sum, { updates }) => sum + updates.length,
      this.#answers.size + files.sent,
    );
  }

  async #serve(planned: Order, n: number, customers: Customers, killer: Killer, files: Files): Promise<void> {
    await killer.after(planned.afterKills);
    await sleep(planned.delayMs);
    const customer = customerOf(planned, customers);
    const file = planned.file === null ? null : await files.send(customer, planned.file.atOnce);
    if (planned.file !== null && file === null) return;
    const order = file === null ? planned : withSource(planned, file.url);
    this.#orders.push(order);
    const submits = Array.from({ length: order.atOnce }, () => this.#submit(customer, order));
    const [id] = (await Promise.all(submits)).filter((one) => one !== null);
    if (id === undefined) return;
    const followed = order.followAfterMs.map(async (afterMs, i) => {
      const sighting: Sighting = { id, updates: [], completed: false, refusal: null };
      this.#sightings.push(sighting);
      await sleep(afterMs);
      await customer.follow(sighting, n + i);
    });
    if (order.cancel) await customer.cancel(id).catch(() => {});
    if (file !== null) {
      const hasEnded = async () => FINAL.has((await customer.find(id))?.status ?? '');
      // They fail only when the time is up.
      followed.push(files.look(file, hasEnded).catch(() => {}));
      if (planned.file?.isDeleted) await customer.deleteUpload(file.id).catch(() => {});
      await files.abandon(customer).catch(() => {});
    }
    if (order.againAfterMs !== null) {
      await sleep(order.againAfterMs);
      await this.#submit(customer, order);
    }
    await Promise.all(followed);
  }

  /** Returns null if it was refused, or the time was up. */
  async #submit(customer: Customer, order: Order): Promise<string | null> {
    try {
      const { id } = await customer.submit(order);
      const ids = this.#answers.get(order.key) ?? new Set();
      this.#answers.set(order.key, ids.add(id));
      return id;
    } catch (error) {
      if (error instanceof RefusedError) this.#refusals.push(`${order.key}: ${error.message}`);
      return null;
    }
  }

  async #audit(ordered: number, files: Files): Promise<readonly Row[]> {
    const signal = AbortSignal.timeout(AUDIT_MS);
    this.#cluster.start();
    await this.#cluster.ready(signal);
    const customers = this.#customers(signal);
    // Repeating a submit, even now, must return the same job and bill nothing.
    const found = new Map<string, FoundJob | null>();
    await inParallel(this.#orders, 16, async (order) => {
      const ids = this.#answers.get(order.key);
      if (ids === undefined) return;
      const customer = customerOf(order, customers);
      await this.#submit(customer, order);
      for (const id of ids) found.set(id, await customer.find(id));
    });
    const lists = await Promise.all([...customers.values()].map((customer) => customer.list()));
    const stored = await this.#services.storedAt();
    // A job that does not end keeps its file, which would be waited for in vain.
    const haveEnded = [...found.values()].every((job) => job !== null && FINAL.has(job.status));
    if (haveEnded) await files.untilErased([...customers.values()], this.#uploads);
    return audit({
      answers: this.#answers,
      ordered,
      refusals: this.#refusals,
      found,
      listed: [...new Set(lists.flat())],
      sightings: this.#sightings,
      bills: this.#sandbox.bills,
      atSandbox: this.#sandbox.jobs,
      storedAt: ({ id }, { version, at }) => (stored.get(id)?.[version - 1] ?? Date.parse(at)) + STORING_MS,
      tookMs: this.#tookMs,
      faints: this.#cluster.faints,
    });
  }

  /** Also cuts connections, and ends stalled jobs long after the gateway has given them up. */
  async #disturb(customers: readonly Customer[], signal: AbortSignal): Promise<void> {
    const dice = new Dice(this.#options.seed, 'disturbances');
    const stallsMs = this.#options.deadlineMs + STALLS_ON_MS;
    const [first, ...others] = customers;
    if (first === undefined) return;
    while (!signal.aborted) {
      await sleep(dice.between(200, 600));
      dice.pick([first, ...others]).cut(Math.floor(dice.roll() * SOCKETS_PER_TENANT));
      for (const { id, endsAt, status, acceptedAt } of this.#sandbox.jobs) {
        const isOver = endsAt === null && status < 3 && Date.now() > acceptedAt + stallsMs;
        if (isOver) this.#sandbox.finish(id);
      }
    }
  }

  async #uncleanStop(): Promise<Omit<Row, 'what'>> {
    const unclean = (await this.#cluster.stop()).filter((how) => how !== '0');
    return { value: unclean.length, atMost: 0, cases: unclean.map((how) => `ended with ${how}`) };
  }

  #customers(signal: AbortSignal): Customers {
    return new Map(
      tenantsOf(this.#options).map((tenant) => {
        const customer = new Customer({
          url: this.#cluster.url,
          tenant,
          sockets: SOCKETS_PER_TENANT,
          signal,
        });
        return [tenant.name, customer];
      }),
    );
  }
}

type Customers = ReadonlyMap<Tenant['name'], Customer>;

function customerOf({ tenant }: Order, customers: Customers): Customer {
  const customer = customers.get(tenant.name);
  if (customer === undefined) throw new Error(`There is no customer for ${tenant.name}`);
  return customer;
}

async function inParallel<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

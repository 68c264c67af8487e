/**
 * Delivers callbacks to the URL of a submit, retrying until the answer is exactly 200, and corrupts them as the fault
 * plan requests. The first attempts for one job keep their order; retries and faults may not.
 */
import { createHash, hash, randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import { Agent, request } from 'undici';
import type { Credentials } from './credentials.js';
import { type Envelope, encrypt, seal, sign, type WebhookPayload } from './envelope.js';
import type { FaultAt } from './fault-plan.js';
import type { Faults } from './faults.js';
import type { Gates } from './gate.js';
import type { JobStatus, SandboxJob } from './job.js';
import type { Ledger } from './ledger.js';
import { Stopped, Timers } from './timers.js';

/** An attempt to deliver a callback, or a callback that a fault held back. */
export interface Delivery {
  readonly at: number;
  readonly providerId: string;
  readonly status: JobStatus;
  readonly fault?: FaultAt<'webhook'>;
  /** HTTP status of the answer; null if there was none. */
  readonly answer: number | null;
}

interface CourierOptions {
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly gates: Gates;
  readonly credentials: Credentials;
  readonly logger: Logger;
  readonly retryMs: number;
  readonly resultUrl: (job: SandboxJob) => string;
}

const MAX_TRIES = 12;
/** The delay doubles with each retry, up to this multiple of the first delay. */
const MAX_DOUBLED = 64;
const TIMEOUT_MS = 10_000;
const MAX_DELIVERIES_KEPT = 10_000;

export class Courier {
  readonly deliveries: Delivery[] = [];
  readonly #options: CourierOptions;
  readonly #timers = new Timers();
  readonly #running = new Set<Promise<void>>();
  /** The most recent first attempt of each job. */
  readonly #lanes = new Map<string, Promise<unknown>>();
  /** Jobs whose `processing` callback is held back until after their end. */
  readonly #heldBack = new Set<string>();
  #agent: Agent | undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  start(): void {
    this.#agent = new Agent({
      connect: { timeout: TIMEOUT_MS },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  /** Sends the callback for one status, which stays in the job's `owed` list until it is done. */
  announce(job: SandboxJob, status: JobStatus): void {
    const run = this.#deliver(job, status)
      .catch((error: unknown) => {
        if (!(error instanceof Stopped))
          this.#options.logger.error({ error }, 'a callback could not be sent');
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Drops deliveries in progress without shutting down. Jobs that still exist keep their `owed` lists. */
  clear(): void {
    this.#timers.clear();
    this.#heldBack.clear();
    this.#lanes.clear();
  }

  async stop(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    this.clear();
    await agent?.destroy(new Stopped());
    await Promise.allSettled(this.#running);
  }

  async #deliver(job: SandboxJob, status: JobStatus): Promise<void> {
    const strike = this.#options.faults.strike('webhook', job.triggers);
    const isEnd = status === 3 || status === 4;
    if (strike.has('late')) await this.#timers.sleep(strike.ms('late'));
    if (strike.has('drop')) {
      this.#record(job, status, null, 'drop');
      this.#done(job, status);
    } else if (strike.has('reorder') && !isEnd && job.endsAt !== null) {
      this.#heldBack.add(job.id);
      return;
    } else {
      const spoiler = SPOILERS.find((fault) => strike.has(fault));
      await this.#tryUntilTaken(job, status, spoiler, strike.has('double'));
      if (isEnd && strike.has('reorder'))
        await this.#try(job, 2, this.#seal(job, 2, job.startsAt), 'reorder');
    }
    if (isEnd && this.#heldBack.delete(job.id)) await this.#tryUntilTaken(job, 2);
  }

  async #tryUntilTaken(
    job: SandboxJob,
    status: JobStatus,
    spoiler?: (typeof SPOILERS)[number],
    twice = false,
  ): Promise<void> {
    const envelope = this.#seal(job, status, Date.now());
    for (let nth = 1; nth <= MAX_TRIES; nth++) {
      if (nth > 1) await this.#timers.sleep(this.#options.retryMs * Math.min(2 ** (nth - 2), MAX_DOUBLED));
      if (!this.#options.ledger.holds(job)) return;
      const spoiled = nth === 1 && spoiler ? this.#spoil(job, status, spoiler) : undefined;
      const go = () => this.#try(job, status, spoiled ?? envelope, spoiled ? spoiler : undefined);
      if (!(nth === 1 ? await this.#inTurn(job, go) : await go())) continue;
      if (twice) await this.#try(job, status, envelope, 'double');
      break;
    }
    this.#done(job, status);
  }

  /** Waits for the first attempt of the job's previous callback, so that without faults callbacks arrive in order. */
  #inTurn(job: SandboxJob, go: () => Promise<boolean>): Promise<boolean> {
    const turn = (this.#lanes.get(job.id) ?? Promise.resolve()).then(go);
    const lane = turn
      .catch(() => false)
      .finally(() => {
        if (this.#lanes.get(job.id) === lane) this.#lanes.delete(job.id);
      });
    this.#lanes.set(job.id, lane);
    return turn;
  }

  async #try(
    job: SandboxJob,
    status: JobStatus,
    envelope: Envelope,
    fault?: FaultAt<'webhook'>,
  ): Promise<boolean> {
    await this.#options.gates.pass('webhook');
    const agent = this.#agent;
    if (!agent) throw new Stopped();
    if (!this.#options.ledger.holds(job)) return false;
    let answer: number | null = null;
    try {
      const response = await request(job.webhookUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(envelope),
        dispatcher: agent,
      });
      answer = response.statusCode;
      await response.body.dump();
    } catch (error) {
      if (this.#agent !== agent) throw new Stopped(); // still owed
      this.#options.logger.debug({ error, job: job.id }, 'a callback could not be delivered');
    }
    this.#record(job, status, answer, fault);
    return answer === 200;
  }

  #seal(job: SandboxJob, status: JobStatus, timestamp: number): Envelope {
    return seal(this.#payload(job, status), {
      ...this.#options.credentials.sealing,
      timestamp,
      nonce: newNonce(),
    });
  }

  #payload(job: SandboxJob, status: JobStatus): WebhookPayload {
    return { _id: job.id, status, type: 'faceswap', url: status === 3 ? this.#options.resultUrl(job) : '' };
  }

  /** Returns the callback that replaces the true one on the first attempt. */
  #spoil(job: SandboxJob, status: JobStatus, fault: (typeof SPOILERS)[number]): Envelope {
    const { sealing } = this.#options.credentials;
    const stamp = { timestamp: Date.now(), nonce: newNonce() };
    const payload = this.#payload(job, status);
    switch (fault) {
      case 'forged': {
        // Reports the wrong outcome, so that trusting it becomes visible.
        const lie =
          status === 3 ? { status: 4, url: '' } : { status: 3, url: 'https://forged.example/result.png' };
        const signature = createHash('sha1').update(`forged ${stamp.nonce}`).digest('hex');
        return { ...seal({ ...payload, ...lie }, { ...sealing, ...stamp }), signature };
      }
      case 'unreadable': {
        const dataEncrypt = encrypt(JSON.stringify(payload), { ...sealing, clientId: 'another client id' });
        return { signature: sign(dataEncrypt, { ...sealing, ...stamp }), dataEncrypt, ...stamp };
      }
      case 'wrong-id': {
        const _id = hash('sha256', job.id, 'hex').slice(0, 24);
        return seal({ ...payload, _id }, { ...sealing, ...stamp });
      }
    }
  }

  #done(job: SandboxJob, status: JobStatus): void {
    job.owed = job.owed.filter((owed) => owed !== status);
    this.#options.ledger.save(job);
  }

  #record(job: SandboxJob, status: JobStatus, answer: number | null, fault?: FaultAt<'webhook'>): void {
    if (this.deliveries.length >= MAX_DELIVERIES_KEPT) this.deliveries.shift();
    this.deliveries.push({ at: Date.now(), providerId: job.id, status, answer, ...(fault ? { fault } : {}) });
  }
}

const SPOILERS = ['forged', 'unreadable', 'wrong-id'] as const;

function newNonce(): string {
  return String(randomInt(0, 10_000)).padStart(4, '0');
}

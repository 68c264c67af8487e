/**
 * The bus over Redis publish/subscribe, for several instances.
 *
 * Redis only notifies: a message names a job and its version, and the receiver reads the store. A channel is
 * subscribed only while it has listeners on this instance. Messages published while a connection is down are
 * lost; `onGap` reports that once it is back.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { inTime } from '../../in-time.js';
import type { Job } from '../jobs/job.js';
import type { BusHealth, JobBus, JobListener, JobSignal, Unfollow } from '../jobs/job-bus.js';
import type { ChangedJob } from '../jobs/job-store.js';
import { RedisLink } from './redis-link.js';
import { reminderOf } from './reminder.js';
import { Topics } from './topics.js';

interface RedisJobBusSettings {
  readonly url: string;
  /** The prefix of channel names; it separates installations that share a Redis. */
  readonly prefix: string;
  readonly log: Logger;
}

/** How long a follow waits for Redis. Then it proceeds without, and `onGap` is called once Redis is back. */
const SUBSCRIBE_WAIT_MS = 1000;

export function createRedisJobBus(settings: RedisJobBusSettings): JobBus {
  return new RedisJobBus(settings);
}

/** As sent. `from` is the publishing instance, which has already notified its own followers. */
interface Message {
  readonly from: string;
  readonly id: string;
  readonly version: number;
}

class RedisJobBus implements JobBus {
  readonly #link: RedisLink;
  readonly #prefix: string;
  readonly #instance = randomUUID();
  readonly #topics = new Topics<JobSignal>();
  readonly #gaps = new Topics<void>();

  constructor({ url, prefix, log }: RedisJobBusSettings) {
    this.#prefix = prefix;
    this.#link = new RedisLink({
      url,
      prefix,
      log,
      channels: () => this.#topics.names(),
      onMessage: (channel, text) => this.#hear(channel, text),
      onGap: () => this.#gaps.emit('gap', undefined),
    });
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  stop(): Promise<void> {
    this.#topics.clear();
    this.#gaps.clear();
    return this.#link.stop();
  }

  health(): BusHealth {
    return this.#link.health();
  }

  publish(job: Job): void {
    const { id, tenant, version } = job;
    const signal: JobSignal = { id, version, job, isReminder: false };
    const message = JSON.stringify({ from: this.#instance, id, version } satisfies Message);
    for (const channel of [this.#jobChannel(id), this.#tenantChannel(tenant)]) {
      this.#topics.emit(channel, signal);
      this.#link.publish(channel, message).catch(() => {
        // Followers on other instances learn of it from `CatchUp`.
      });
    }
  }

  followJob(id: string, listener: JobListener): Promise<Unfollow> {
    return this.#follow(this.#jobChannel(id), listener);
  }

  followTenant(tenant: string, listener: JobListener): Promise<Unfollow> {
    return this.#follow(this.#tenantChannel(tenant), listener);
  }

  onGap(listener: () => void): Unfollow {
    return this.#gaps.add('gap', listener);
  }

  followedJobs(): readonly string[] {
    return this.#followed(this.#jobChannel(''));
  }

  followedTenants(): readonly string[] {
    return this.#followed(this.#tenantChannel(''));
  }

  remindOfJob(id: string, version: number): void {
    this.#topics.emit(this.#jobChannel(id), { id, version, job: null, isReminder: true });
  }

  remindTenant(tenant: string, changed: ChangedJob): void {
    this.#topics.emit(this.#tenantChannel(tenant), reminderOf(changed));
  }

  #followed(prefix: string): readonly string[] {
    return this.#topics
      .names()
      .filter((channel) => channel.startsWith(prefix))
      .map((channel) => channel.slice(prefix.length));
  }

  async #follow(channel: string, listener: JobListener): Promise<Unfollow> {
    const leave = this.#topics.add(channel, listener);
    // Subscribe even if the channel already has listeners: only the reply proves that the subscription is active.
    await inTime(this.#link.subscribe(channel), SUBSCRIBE_WAIT_MS, undefined);
    return () => {
      leave();
      if (!this.#topics.has(channel)) void this.#link.unsubscribe(channel);
    };
  }

  #jobChannel(id: string): string {
    return `${this.#prefix}:job:${id}`;
  }

  #tenantChannel(tenant: string): string {
    return `${this.#prefix}:tenant:${tenant}`;
  }

  #hear(channel: string, text: string): void {
    const message = readMessage(text);
    if (message === null || message.from === this.#instance) return;
    const { id, version } = message;
    this.#topics.emit(channel, { id, version, job: null, isReminder: false });
  }
}

/** Returns null if it is not ours: another program may publish there. */
function readMessage(text: string): Message | null {
  try {
    const message = JSON.parse(text) as Partial<Message> | null;
    const { from, id, version } = message ?? {};
    const isMessage = typeof from === 'string' && typeof id === 'string' && typeof version === 'number';
    return isMessage ? { from, id, version } : null;
  } catch {
    return null;
  }
}

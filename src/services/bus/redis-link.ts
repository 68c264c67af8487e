/**
 * The bus's two connections to Redis, one that subscribes and one that publishes, and a check that both work.
 *
 * The check publishes a message and waits for its arrival: at the start, after each reconnect and every few seconds. A
 * reply to PING would prove little, because Redis may be silent, a replica, or refuse channels to this user.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { BusHealth } from '../jobs/job-bus.js';
import { createRedisConnection, disconnect } from './redis-connection.js';

interface RedisLinkParts {
  readonly url: string;
  /** The prefix of channel and key names. */
  readonly prefix: string;
  readonly log: Logger;
  /** The channels to subscribe to. */
  readonly channels: () => readonly string[];
  readonly onMessage: (channel: string, text: string) => void;
  /** Called when messages may have been missed, once all channels are subscribed again. */
  readonly onGap: () => void;
}

const ANSWER_MS = 2000;
const CHECK_EVERY_MS = 5000;
/** The interval while the bus is down. */
const CHECK_AGAIN_MS = 1000;
/** Per command. */
const MAX_CHANNELS = 1000;

export class RedisLink {
  readonly #parts: RedisLinkParts;
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #checkChannel: string;
  readonly #loop: PeriodicLoop;
  /** Whether all channels are subscribed on the current connection. */
  #isJoined = false;
  #health: BusHealth = { isUp: false, reason: 'not connected yet' };
  /** The last error since the link was last up. */
  #lastError: Error | null = null;
  #heard: ((text: string) => void) | null = null;
  #isKnownDown = false;
  #isStopped = false;

  constructor(parts: RedisLinkParts) {
    this.#parts = parts;
    this.#checkChannel = `${parts.prefix}:check:${randomUUID()}`;
    this.#loop = new PeriodicLoop(CHECK_EVERY_MS, () => this.#check(), parts.log);
    this.#publisher = createRedisConnection({ url: parts.url, answerMs: ANSWER_MS });
    this.#subscriber = createRedisConnection({ url: parts.url, answerMs: ANSWER_MS });
    for (const connection of [this.#publisher, this.#subscriber]) {
      connection.on('error', (error: Error) => {
        this.#lastError = error;
      });
      connection.on('ready', () => this.#loop.wake());
      connection.on('close', () => this.#loop.wake());
    }
    this.#subscriber.on('close', () => {
      this.#isJoined = false;
    });
    this.#subscriber.on('message', (channel: string, text: string) => {
      if (channel === this.#checkChannel) this.#heard?.(text);
      else parts.onMessage(channel, text);
    });
  }

  /** @throws the reason why Redis can't be reached; the link keeps trying until it is stopped */
  async start(): Promise<void> {
    try {
      await Promise.all([this.#publisher.connect(), this.#subscriber.connect()]);
      // If Redis refuses the database number, the connection is still open, but to another database.
      if (this.#lastError !== null) throw this.#lastError;
    } catch (error) {
      throw this.#lastError ?? error;
    } finally {
      this.#loop.start();
    }
    await this.#loop.pass();
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await Promise.all([disconnect(this.#publisher), disconnect(this.#subscriber)]);
    await this.#loop.stop();
  }

  health(): BusHealth {
    return this.#health;
  }

  async publish(channel: string, text: string): Promise<void> {
    await this.#publisher.publish(channel, text);
  }

  /** Resolves when the subscription is active. If it fails, it is retried as soon as possible. */
  async subscribe(channel: string): Promise<void> {
    try {
      await this.#subscriber.subscribe(channel);
    } catch {
      this.#isJoined = false;
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    // A connection that is down has no subscriptions anyway.
    await this.#subscriber.unsubscribe(channel).catch(() => {});
  }

  async #check(): Promise<void> {
    try {
      if (!this.#isJoined) await this.#join();
      // Rate limits need to write, which a primary that has become a replica refuses.
      await this.#publisher.set(`${this.#parts.prefix}:check`, Date.now(), 'PX', 2 * CHECK_EVERY_MS);
      await this.#hearOneself();
      this.#report({ isUp: true });
    } catch (error) {
      this.#report({ isUp: false, reason: this.#reasonOf(error) });
    }
  }

  async #join(): Promise<void> {
    // Set it first, so that a subscription that fails meanwhile can reset it.
    this.#isJoined = true;
    try {
      const channels = [this.#checkChannel, ...this.#parts.channels()];
      for (let i = 0; i < channels.length; i += MAX_CHANNELS) {
        await this.#subscriber.subscribe(...channels.slice(i, i + MAX_CHANNELS));
      }
    } catch (error) {
      this.#isJoined = false;
      throw error;
    }
    this.#parts.onGap();
  }

  async #hearOneself(): Promise<void> {
    const sent = randomUUID();
    let timer: NodeJS.Timeout | undefined;
    const heard = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ANSWER_MS);
      this.#heard = (text) => {
        if (text === sent) resolve(true);
      };
    });
    try {
      // PING distinguishes a silent connection from lost messages.
      await Promise.all([this.#publisher.publish(this.#checkChannel, sent), this.#subscriber.ping()]);
      if (await heard) return;
    } finally {
      clearTimeout(timer);
      this.#heard = null;
    }
    this.#lastError = new Error('Redis does not deliver published messages');
    this.#subscriber.disconnect(true);
    throw this.#lastError;
  }

  #report(health: BusHealth): void {
    this.#health = health;
    if (this.#isStopped) return;
    const { log } = this.#parts;
    if (!health.isUp) {
      this.#loop.wakeIn(CHECK_AGAIN_MS);
      if (this.#isKnownDown) return;
      log.warn({ reason: health.reason }, 'the bus is down: updates from other gateways arrive seconds late');
    } else {
      this.#lastError = null;
      if (this.#isKnownDown) log.info('the bus is up again');
    }
    this.#isKnownDown = !health.isUp;
  }

  /** The error of a lost connection says more than that of a command which could not be sent. */
  #reasonOf(error: unknown): string {
    const isConnected = this.#publisher.status === 'ready' && this.#subscriber.status === 'ready';
    const cause = isConnected ? error : (this.#lastError ?? error);
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** `back`: it answers again, but no operation has used it since. */
export type Presence = 'here' | 'gone' | 'back';

const PROBE_EVERY_MS = 2000;
const PROBE_TIMEOUT_MS = 5000;
/** From here on, statuses say that a proxy cannot reach the gateway, or that the gateway cannot serve. */
const BAD_GATEWAY = 502;

/**
 * Knows whether the gateway answers. It asks only after something else has failed, and then until there is an answer.
 */
export class GatewayPresence {
  readonly #page: URL;
  readonly #listeners = new Set<() => void>();
  #current: Presence = 'here';
  #search: Promise<void> | null = null;

  /** @param page the address of this page, which needs no credentials and costs the gateway nothing */
  constructor(page: URL) {
    this.#page = page;
  }

  /** The gateway's, without a slash at the end. */
  get address(): string {
    return new URL('.', this.#page).href.slice(0, -1);
  }

  /** For `useSyncExternalStore`. */
  readonly current = (): Presence => this.#current;

  /** For `useSyncExternalStore`: calls the listener after each change, until the returned function is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Resolves when the gateway answers; until then it is `gone`. */
  readonly answering = (): Promise<void> => {
    this.#search ??= this.#untilItAnswers().finally(() => {
      this.#search = null;
    });
    return this.#search;
  };

  /** An operation has an answer, or a subscription its socket. */
  answered(): void {
    this.#become('here');
  }

  async #untilItAnswers(): Promise<void> {
    while (!(await this.#answers())) {
      this.#become('gone');
      await delay(PROBE_EVERY_MS);
    }
    if (this.#current === 'gone') this.#become('back');
  }

  async #answers(): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      const { status } = await fetch(this.#page, { method: 'HEAD', cache: 'no-store', signal });
      return status < BAD_GATEWAY;
    } catch {
      return false;
    }
  }

  #become(presence: Presence): void {
    if (presence === this.#current) return;
    this.#current = presence;
    for (const listener of this.#listeners) listener();
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

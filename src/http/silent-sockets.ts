/**
 * WebSockets that have not said who they are: they cost places before anybody is asked. Of too many from one
 * address the oldest goes, so those who speak at once, behind the same proxy, get in all the same.
 */
export class SilentSockets<Socket extends object> {
  readonly #most: number;
  readonly #drop: (socket: Socket) => void;
  /** Oldest first. */
  readonly #byAddress = new Map<string, Set<Socket>>();

  /** @param most from one address */
  constructor(most: number, drop: (socket: Socket) => void) {
    this.#most = most;
    this.#drop = drop;
  }

  add(address: string, socket: Socket): void {
    const silent = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, silent.add(socket));
    const [oldest] = silent;
    if (silent.size <= this.#most || oldest === undefined) return;
    this.delete(address, oldest);
    this.#drop(oldest);
  }

  /** It has spoken, or is gone. Safe to call twice. */
  delete(address: string, socket: Socket): void {
    const silent = this.#byAddress.get(address);
    if (silent?.delete(socket) && silent.size === 0) this.#byAddress.delete(address);
  }
}

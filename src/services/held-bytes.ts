/**
 * Bytes that callers make the program hold, bounded in all and for each of them.
 *
 * A tenant may hold as much as the others leave free, so alone it gets a half, beside that one another gets a
 * quarter, and so on: nobody can take it all, and a small request finds room.
 */
export class HeldBytes {
  readonly #most: number;
  readonly #byTenant = new Map<string, number>();
  #all = 0;

  /** @param most in all */
  constructor(most: number) {
    this.#most = most;
  }

  /** What one request, socket or answer of the tenant holds: nothing yet. */
  open(tenant: string): Holding {
    let bytes = 0;
    return {
      add: (more) => {
        const ofTenant = this.#byTenant.get(tenant) ?? 0;
        if (ofTenant + more > this.#most - (this.#all + more)) return false;
        bytes += more;
        this.#set(tenant, ofTenant + more, more);
        return true;
      },
      release: () => {
        this.#set(tenant, (this.#byTenant.get(tenant) ?? 0) - bytes, -bytes);
        bytes = 0;
      },
    };
  }

  #set(tenant: string, bytes: number, more: number): void {
    this.#all += more;
    if (bytes > 0) this.#byTenant.set(tenant, bytes);
    else this.#byTenant.delete(tenant);
  }
}

export interface Holding {
  /** False: there is no room for so many more, and nothing has changed. */
  add(bytes: number): boolean;
  /** Gives all back. Safe to call twice. */
  release(): void;
}

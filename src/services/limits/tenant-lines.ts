/** Queues in which tenants take turns, and within a tenant the follow tokens of each job. */
import type { Owner } from '../auth/caller.js';

export class TenantLines<Item> {
  /**
   * By tenant, then by the job of the follow token. The first entry of each map is next, and moves to the end
   * afterwards.
   */
  readonly #lines = new Map<string, Map<string | null, Item[]>>();

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  add({ tenant, onlyJob }: Owner, item: Item): void {
    const line = this.#lines.get(tenant) ?? new Map<string | null, Item[]>();
    const waiting = line.get(onlyJob);
    if (waiting === undefined) line.set(onlyJob, [item]);
    else waiting.push(item);
    this.#lines.set(tenant, line);
  }

  /** Removes and returns the next item; undefined if no tenant that may go has one. */
  next(mayGo: (tenant: string) => boolean = () => true): Item | undefined {
    for (const [tenant, line] of this.#lines) {
      if (!mayGo(tenant)) continue;
      this.#lines.delete(tenant);
      for (const [job, waiting] of line) {
        line.delete(job);
        const next = waiting.shift();
        if (waiting.length > 0) line.set(job, waiting);
        if (line.size > 0) this.#lines.set(tenant, line);
        return next;
      }
    }
    return undefined;
  }

  /** Removes the item, if it is there. */
  remove({ tenant, onlyJob }: Owner, item: Item): void {
    const line = this.#lines.get(tenant);
    const waiting = line?.get(onlyJob);
    const at = waiting?.indexOf(item) ?? -1;
    if (line === undefined || waiting === undefined || at === -1) return;
    waiting.splice(at, 1);
    if (waiting.length === 0) line.delete(onlyJob);
    if (line.size === 0) this.#lines.delete(tenant);
  }
}

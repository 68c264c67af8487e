/** All figures of a run, by what was measured and of whom. */
import type { ContenderName } from './contender.js';
import { type Figure, figureOf } from './rounds.js';

/** The one commit that the driver makes by itself is measured like a contender. */
export type Subject = ContenderName | 'driver';

export type Unit = 'µs' | 'ms' | 'KB' | 'MB' | '1/s';

export interface Result {
  /** Like `job` or `update.p99`; with what it was measured at, where it grows: `job @ 1000 sockets`. */
  readonly what: string;
  readonly unit: Unit;
  readonly of: Subject;
  readonly figure: Figure;
}

export class Results {
  readonly #values = new Map<string, { what: string; unit: Unit; of: Subject; values: number[] }>();

  add(what: string, unit: Unit, of: Subject, value: number): void {
    const key = `${what}\n${of}`;
    const known = this.#values.get(key) ?? { what, unit, of, values: [] };
    known.values.push(value);
    this.#values.set(key, known);
  }

  get all(): readonly Result[] {
    return [...this.#values.values()].map(({ values, ...rest }) => ({ ...rest, figure: figureOf(values) }));
  }

  find(what: string, of: Subject): Figure | null {
    const known = this.#values.get(`${what}\n${of}`);
    return known === undefined ? null : figureOf(known.values);
  }
}

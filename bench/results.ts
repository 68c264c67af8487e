/** All figures of a run, by measure and contender. */
import type { ContenderName } from './contender.js';
import { type Figure, figureOf } from './rounds.js';

/** The driver's own commits are measured like a contender. */
export type Subject = ContenderName | 'driver';

export type Unit = 'µs' | 'ms' | 'KB' | 'MB' | '1/s';

export interface Result {
  /** Such as `job` or `update.p99`; growth measures add the size: `job @ 1000 sockets`. */
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

/** An attack: something that one caller does, and that must not affect anyone else. */
import type { FaultPlan } from '../../src/sandbox/sandbox.js';
import type { Target } from './target.js';

/** `full`: the sizes at which gateways died; `small`: what a suite has time for. */
export type Size = 'full' | 'small';

export interface Attack {
  /** The same as its file name. */
  readonly name: string;
  /** What is proven when it fails. */
  readonly shows: string;
  /** Settings of the attacked gateway. @param folder for files that they refer to */
  readonly settings?: (folder: string) => Readonly<Record<string, string>>;
  /** Faults of Akool that are independent of the attacker. */
  readonly akool?: FaultPlan;
  /** Runs a second gateway on the same PostgreSQL. */
  readonly hasCompanion?: true;
  /** Setup, which is not measured and does not count towards the attack's memory. */
  readonly prepare?: (target: Target) => Promise<void>;
  /** Resolves with what the attacker got but must not get, one item per line. */
  readonly run: (target: Target) => Promise<readonly string[]>;
}

/** What an attack is: something that one caller does, and that nobody else may feel. */
import type { FaultPlan } from '../../src/sandbox/sandbox.js';
import type { Target } from './target.js';

/** `full`: the sizes at which gateways died; `small`: what a suite has time for. */
export type Size = 'full' | 'small';

export interface Attack {
  /** Its file's name. */
  readonly name: string;
  /** What holds when it fails. */
  readonly shows: string;
  /** Settings of the gateway that is attacked. @param folder of this gateway, for files that they name */
  readonly settings?: (folder: string) => Readonly<Record<string, string>>;
  /** Whatever Akool does anyway, without the attacker. */
  readonly akool?: FaultPlan;
  /** A second gateway stands beside the one that is attacked, on one PostgreSQL with it. */
  readonly hasCompanion?: true;
  /** What must be there before: it is neither measured nor part of the memory that is compared. */
  readonly prepare?: (target: Target) => Promise<void>;
  /** Resolves with what it got that it must not get, one line each. */
  readonly run: (target: Target) => Promise<readonly string[]>;
}

/** Why a waiting job is not being sent, and why dispatch as a whole is held. Computed on request, not stored. */
import type { Clock } from '../../clock.js';
import { isTooDear } from '../jobs/account-hold.js';
import type { Job } from '../jobs/job.js';
import type { WaitingReason } from '../jobs/waiting-reason.js';
import type { AccountHolds } from './account-holds.js';
import type { Dispatcher } from './dispatcher.js';

export class WaitingReasons {
  readonly #holds: Pick<AccountHolds, 'present'>;
  readonly #dispatcher: Pick<Dispatcher, 'isPausing'>;
  readonly #clock: Clock;
  readonly #isPaused: boolean;

  constructor(parts: {
    readonly holds: Pick<AccountHolds, 'present'>;
    readonly dispatcher: Pick<Dispatcher, 'isPausing'>;
    readonly clock: Clock;
    /** The operator has paused dispatch. */
    readonly isPaused: boolean;
  }) {
    this.#holds = parts.holds;
    this.#dispatcher = parts.dispatcher;
    this.#clock = parts.clock;
    this.#isPaused = parts.isPaused;
  }

  /** Returns null if the job is not waiting. */
  async of(job: Job): Promise<WaitingReason | null> {
    if (job.status !== 'WAITING') return null;
    if (this.#isPaused) return 'PAUSED';
    const hold = await this.#holds.present();
    if (hold !== null && (hold.blocks || isTooDear(hold, job))) return hold.reason;
    const isRetrying = job.retryAt !== null && job.retryAt > this.#clock.now();
    return isRetrying || this.#dispatcher.isPausing ? 'RETRY' : 'SLOT';
  }

  /** Returns null if dispatch is not held. */
  async ofDispatch(): Promise<WaitingReason | null> {
    if (this.#isPaused) return 'PAUSED';
    const hold = await this.#holds.present();
    if (hold?.blocks) return hold.reason;
    return this.#dispatcher.isPausing ? 'RETRY' : null;
  }
}

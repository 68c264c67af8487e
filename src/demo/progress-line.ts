/** Shows the progress of a job on one line that is redrawn; without a terminal, one line per change. */
import type { DemoJob } from './gateway-client.js';
import { bar, REDRAW_MS, redraw, type Screen } from './screen.js';

/** How full the bar is when a status begins. */
const SHARE: Readonly<Record<string, number>> = {
  WAITING: 0,
  SUBMITTING: 0.15,
  UNCONFIRMED: 0.25,
  QUEUED: 0.3,
  PROCESSING: 0.55,
};

export class ProgressLine {
  readonly #screen: Screen;
  readonly #startedAt = performance.now();
  #job: DemoJob | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(job: DemoJob): void {
    const before = this.#job;
    this.#job = job;
    if (this.#screen.isTTY !== true) {
      // A new version may show nothing new, like the one that records the copy of the picture.
      if (before !== null && wordsFor(before) === wordsFor(job)) return;
      this.#screen.write(`${this.#seconds()}  ${wordsFor(job)}\n`);
      return;
    }
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS);
  }

  /** Leaves the last state on the screen. Safe to call twice. */
  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#draw();
    this.#screen.write('\n');
  }

  #draw(): void {
    if (this.#job === null) return;
    redraw(this.#screen, `${this.#seconds()}  ${bar(SHARE[this.#job.status] ?? 1)}  ${wordsFor(this.#job)}`);
  }

  #seconds(): string {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`.padStart(8);
  }
}

function wordsFor({ status, queuePosition }: DemoJob): string {
  return queuePosition === null ? status : `${status}, number ${queuePosition} in the queue`;
}

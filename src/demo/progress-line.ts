/** Shows the progress of a job on one line that is redrawn; without a terminal, one line per change. */
import type { DemoJob } from './gateway-client.js';
import { bar, LiveLine, type Screen } from './screen.js';

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
  readonly #line: LiveLine;
  #job: DemoJob | null = null;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#line = new LiveLine(screen, () => (this.#job === null ? '' : this.#text(this.#job)));
  }

  show(job: DemoJob): void {
    const before = this.#job;
    this.#job = job;
    if (this.#screen.isTTY === true) {
      this.#line.draw();
      // A new version may show nothing new, like the one that records the copy of the picture.
    } else if (before === null || wordsFor(before) !== wordsFor(job)) {
      this.#screen.write(`${this.#seconds()}  ${wordsFor(job)}\n`);
    }
  }

  /** Leaves the last state on the screen. Safe to call twice. */
  stop(): void {
    this.#line.stop();
  }

  #text(job: DemoJob): string {
    return `${this.#seconds()}  ${bar(SHARE[job.status] ?? 1)}  ${wordsFor(job)}`;
  }

  #seconds(): string {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`.padStart(8);
  }
}

function wordsFor({ status, queuePosition }: DemoJob): string {
  return queuePosition === null ? status : `${status}, number ${queuePosition} in the queue`;
}

/** Progress on a terminal, where one line is redrawn. */

/** A terminal, a file or a pipe. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
const BAR_WIDTH = 24;

/** A line that is redrawn until it is stopped. Only for a terminal. */
export class LiveLine {
  readonly #screen: Screen;
  readonly #text: () => string;
  #timer: NodeJS.Timeout | null = null;

  constructor(screen: Screen, text: () => string) {
    this.#screen = screen;
    this.#text = text;
  }

  /** Draws it now, and from then on regularly. May be called again. */
  draw(): void {
    // A line that wraps can't be redrawn.
    this.#screen.write(`\r\u001b[2K${this.#text().slice(0, (this.#screen.columns || 80) - 1)}`);
    this.#timer ??= setInterval(() => this.draw(), REDRAW_MS);
  }

  /** Leaves the last state on the screen. Safe to call twice. */
  stop(): void {
    if (this.#timer === null) return;
    this.draw();
    clearInterval(this.#timer);
    this.#timer = null;
    this.#screen.write('\n');
  }
}

/** @param share how full it is, from 0 to 1 */
export function bar(share: number): string {
  const full = Math.round(share * BAR_WIDTH);
  // The first empty cell blinks to show that the work is still going on.
  const pulse = Math.floor(performance.now() / (REDRAW_MS * 4)) % 2 === 0 ? '▒' : '░';
  return ('█'.repeat(full) + (full < BAR_WIDTH ? pulse : '')).padEnd(BAR_WIDTH, '░');
}

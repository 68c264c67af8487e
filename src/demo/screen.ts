/** Progress on a terminal, where one line is redrawn. */

/** A terminal, a file or a pipe. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export const REDRAW_MS = 100;
const BAR_WIDTH = 24;

export function redraw(screen: Screen, line: string): void {
  // A line that wraps can't be redrawn.
  screen.write(`\r\u001b[2K${line.slice(0, (screen.columns || 80) - 1)}`);
}

/** @param share how full it is, from 0 to 1 */
export function bar(share: number): string {
  const full = Math.round(share * BAR_WIDTH);
  // The first empty cell blinks to show that the work is still going on.
  const pulse = Math.floor(performance.now() / (REDRAW_MS * 4)) % 2 === 0 ? '▒' : '░';
  return ('█'.repeat(full) + (full < BAR_WIDTH ? pulse : '')).padEnd(BAR_WIDTH, '░');
}

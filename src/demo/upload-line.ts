/** Shows how much of a file is sent, on one line that is redrawn; without a terminal, one line for the file. */
import type { LocalFile } from './local-file.js';
import { bar, LiveLine, type Screen } from './screen.js';

export class UploadLine {
  readonly #screen: Screen;
  readonly #file: Pick<LocalFile, 'name' | 'byteSize'>;
  readonly #line: LiveLine;
  #sentBytes = 0;

  constructor(screen: Screen, file: Pick<LocalFile, 'name' | 'byteSize'>) {
    this.#screen = screen;
    this.#file = file;
    this.#line = new LiveLine(screen, () => this.#text());
  }

  start(): void {
    const { name, byteSize } = this.#file;
    if (this.#screen.isTTY === true) this.#line.draw();
    else this.#screen.write(`Upload   ${name}, ${sizeOf(byteSize)}\n`);
  }

  show(sentBytes: number): void {
    this.#sentBytes = sentBytes;
  }

  /** Leaves the last state on the screen. Safe to call twice. */
  stop(): void {
    this.#line.stop();
  }

  #text(): string {
    const { name, byteSize } = this.#file;
    const share = this.#sentBytes / byteSize;
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    return `Upload   ${bar(share)} ${percent} of ${sizeOf(byteSize)}  ${name}`;
  }
}

function sizeOf(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

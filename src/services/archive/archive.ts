/** Where kept results lie. */
import type { Readable } from 'node:stream';

export interface Archive {
  start(): Promise<void>;
  /**
   * Keeps what `content` gives under `name`, whole or not at all: after a crash, or when `content` fails,
   * nothing is there. The same name again replaces what was there.
   */
  write(name: string, content: Readable): Promise<void>;
  /** Does nothing where there is no such name. */
  remove(name: string): Promise<void>;
  /** Removes whatever has this name before its extension; for copies that nobody has noted. Slower. */
  removeAny(stem: string): Promise<void>;
  /** Removes what writers that died have left behind. */
  sweep(): Promise<void>;
}

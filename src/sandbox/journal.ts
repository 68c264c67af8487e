/**
 * The sandbox's state on disk: JSON lines, of which the last one about a job wins. With it the sandbox behaves like
 * Akool when the gateway in the same process is killed: it still knows what it accepted and which callbacks it owes.
 *
 * Lines are written before the answer is sent, without fsync: they must survive a killed process, but not a power cut.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Bill, SandboxJob } from './job.js';

export type JournalEntry =
  | { readonly job: SandboxJob }
  | { readonly bill: Bill }
  | { readonly deleted: readonly string[] }
  | { readonly credit: number }
  | { readonly tokenGeneration: number };

export class Journal {
  readonly #file: string;
  #descriptor: number | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Returns everything written so far, except a line truncated by a kill. */
  read(): JournalEntry[] {
    const entries: JournalEntry[] = [];
    for (const line of this.#text().split('\n')) {
      try {
        if (line) entries.push(JSON.parse(line));
      } catch {
        // Truncated, so no answer was based on it.
      }
    }
    return entries;
  }

  /** Atomically replaces the file with these entries, for this user alone, and opens it for appending. */
  begin(entries: readonly JournalEntry[]): void {
    this.close();
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(`${this.#file}.new`, lines(entries), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
    this.#descriptor = openSync(this.#file, 'a');
  }

  append(...entries: readonly JournalEntry[]): void {
    if (this.#descriptor !== undefined) writeSync(this.#descriptor, lines(entries));
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#descriptor !== undefined) this.begin([]);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #text(): string {
    try {
      return readFileSync(this.#file, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
  }
}

function lines(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

/**
 * The sandbox's memory on disk: JSON lines, the last word on a job wins. With it the twin behaves as Akool does
 * when the gateway in the same process is killed: it still knows what it accepted and still owes its webhooks.
 *
 * Lines are written before the answer goes out, without fsync: they are to survive a killed process, not a power
 * cut.
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

  /** Everything written so far; a line cut short by a kill is left out. */
  read(): JournalEntry[] {
    const entries: JournalEntry[] = [];
    for (const line of this.#text().split('\n')) {
      try {
        if (line) entries.push(JSON.parse(line));
      } catch {
        // Cut short: nobody was answered on its account.
      }
    }
    return entries;
  }

  /** Replaces the file by these entries, whole or not at all, and opens it for more. */
  begin(entries: readonly JournalEntry[]): void {
    this.close();
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(`${this.#file}.new`, lines(entries));
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

/** The customers' files: uploaded, again after every kill, and looked at as Akool would. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginPut, filesIn, noise, put } from '../support/uploads.js';
import { type Customer, RefusedError } from './customer.js';
import type { Row } from './report.js';

const FILE_BYTES = 20_000;
/** Between attempts. */
const PAUSE_MS = 100;
/** How long the last uploads may take to be erased: their life, a tick, and what a busy machine needs. */
const ERASED_WITHIN_MS = 30_000;

/** What became of the files of a run. */
export interface FileEvidence {
  readonly sent: number;
  /** Uploads that were refused, or of which not all bytes were taken. */
  readonly refused: readonly string[];
  /** Uploads that were not served as they were sent, although a job that had not ended named them. */
  readonly missing: readonly string[];
  /** What was still there at the end: `READY` uploads, and files in the store and the spool. */
  readonly left: readonly string[];
}

export function auditFiles({ sent, refused, missing, left }: FileEvidence): readonly Row[] {
  const which = (cases: readonly string[]) => ({ value: cases.length, atMost: 0, cases });
  return [
    { what: 'files sent', value: sent, atMost: null },
    { what: 'files refused', ...which(refused) },
    { what: 'files gone or changed while a job needed them', ...which(missing) },
    { what: 'files left at the end', ...which(left) },
  ];
}

export class Files {
  readonly #refused: string[] = [];
  readonly #missing: string[] = [];
  readonly #signal: AbortSignal;
  #sent = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Uploads a file, until all of it is taken.
   *
   * @returns its address and its hash; null if it was refused, or the time is up
   */
  async send(customer: Customer): Promise<{ readonly url: string; readonly sha256: string } | null> {
    const bytes = noise(FILE_BYTES);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    try {
      const { url, putUrl } = await customer.announce(bytes.length);
      // The first attempt ends in the middle.
      const cut = beginPut(putUrl, { 'content-length': bytes.length });
      await cut.send(bytes.subarray(0, FILE_BYTES / 2)).catch(() => {});
      cut.request.destroy();
      while (!this.#signal.aborted) {
        const answer = await put(putUrl, bytes).catch(() => null);
        if (answer?.status === 201 || answer?.status === 200) {
          this.#sent += 1;
          if (answer.json['sha256'] !== sha256) this.#missing.push(`${url} was answered with another hash`);
          return { url, sha256 };
        }
        const isTemporary = answer === null || answer.status === 409 || answer.status >= 500;
        if (!isTemporary) throw new RefusedError(`${answer.status} ${answer.json['code']}`);
        await sleep(PAUSE_MS);
      }
    } catch (error) {
      if (error instanceof RefusedError) this.#refused.push(error.message);
    }
    return null;
  }

  /** Announces a file and sends half of it; nobody ever sends the rest. */
  async abandon(customer: Customer): Promise<void> {
    const { putUrl } = await customer.announce(FILE_BYTES);
    const half = beginPut(putUrl, { 'content-length': FILE_BYTES });
    await half.send(noise(FILE_BYTES / 2)).catch(() => {});
    half.request.destroy();
  }

  /** Fetches a file as Akool would while the job is under way. */
  async look(file: { readonly url: string; readonly sha256: string }, hasEnded: () => Promise<boolean>) {
    while (!this.#signal.aborted) {
      const response = await fetch(file.url).catch(() => null);
      if (response !== null && response.status < 500) {
        const bytes = Buffer.from(await response.arrayBuffer().catch(() => new ArrayBuffer(0)));
        const isSame = createHash('sha256').update(bytes).digest('hex') === file.sha256;
        if (!isSame && !(await hasEnded())) this.#missing.push(`${file.url}: ${response.status}`);
        return;
      }
      await sleep(PAUSE_MS);
    }
  }

  /** Waits until nothing is left, and returns what became of all. */
  async evidence(customers: readonly Customer[], folder: string): Promise<FileEvidence> {
    const end = performance.now() + ERASED_WITHIN_MS;
    let left: readonly string[];
    do {
      await sleep(PAUSE_MS);
      const ready = await Promise.all(customers.map((customer) => customer.readyUploads()));
      left = [...ready.flat(), ...filesIn(folder)];
    } while (left.length > 0 && performance.now() < end);
    return { sent: this.#sent, refused: this.#refused, missing: this.#missing, left };
  }
}

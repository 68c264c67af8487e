/** The customers' files: uploaded, again after every kill, and looked at as Akool would. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginPut, filesIn, noise, put } from '../support/uploads.js';
import { type AnnouncedFile, type Customer, RefusedError } from './customer.js';
import type { Row } from './report.js';
import type { StoredUpload } from './services.js';

const FILE_BYTES = 20_000;
/** Between attempts. */
const PAUSE_MS = 100;
/** Between two looks at a file. */
const LOOK_AGAIN_MS = 300;
/** How long a gateway keeps others from taking a file after it died or lost its database, and a moment. */
export const CLAIM_ENDS_MS = 35_000;
/** What a killed gateway was erasing is taken up by the next one after this time. */
const ERASURE_CLAIM_MS = 120_000;
/** How long the last uploads may take to be erased; usually it is a second. */
const ERASED_WITHIN_MS = ERASURE_CLAIM_MS + 30_000;

/** What became of the files of a run. */
export interface FileEvidence {
  readonly sent: number;
  /** Uploads that were refused, or of which not all bytes were taken. */
  readonly refused: readonly string[];
  /** Uploads that were not served as they were sent, although a job that had not ended named them. */
  readonly missing: readonly string[];
  /** What was still there at the end: records of uploads, and files in the store and the spool. */
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

/** A file that was taken. */
export interface SentFile extends AnnouncedFile {
  /** Of its bytes. */
  readonly sha256: string;
}

export class Files {
  readonly #refused: string[] = [];
  readonly #missing: string[] = [];
  /** The ids of all that customers were told of. */
  readonly #announced = new Set<string>();
  readonly #signal: AbortSignal;
  #sent = 0;
  #sending = 0;
  #left: readonly string[] = [];

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether none is being sent. */
  get areSent(): boolean {
    return this.#sending === 0;
  }

  /** How many were taken so far. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * Uploads a file, until all of it is taken.
   *
   * @param atOnce number of times it is sent at the same moment
   * @returns null if it was refused, or the time is up
   */
  async send(customer: Customer, atOnce: number): Promise<SentFile | null> {
    const bytes = noise(FILE_BYTES);
    const sha256 = hashOf(bytes);
    this.#sending += 1;
    try {
      const file = await this.#announce(customer, bytes.length);
      await sendHalf(file, bytes);
      const attempts = Array.from({ length: atOnce }, () => this.#putUntilTaken(file, bytes));
      for (const told of await Promise.all(attempts)) {
        if (told !== sha256) this.#missing.push(`${file.url} was answered with another hash`);
      }
      this.#sent += 1;
      return { ...file, sha256 };
    } catch (error) {
      if (error instanceof RefusedError) this.#refused.push(error.message);
      return null;
    } finally {
      this.#sending -= 1;
    }
  }

  /** Returns the hash that the gateway tells. */
  async #putUntilTaken({ putUrl }: AnnouncedFile, bytes: Buffer): Promise<unknown> {
    for (;;) {
      const answer = await put(putUrl, bytes).catch(() => null);
      if (answer?.status === 201 || answer?.status === 200) return answer.json['sha256'];
      const isTemporary = answer === null || answer.status === 409 || answer.status >= 500;
      if (!isTemporary) throw new RefusedError(`${answer.status} ${answer.json['code']}`);
      this.#signal.throwIfAborted();
      await sleep(PAUSE_MS);
    }
  }

  /** Announces a file, sends half of it, and deletes it. */
  async abandon(customer: Customer): Promise<void> {
    const file = await this.#announce(customer, FILE_BYTES);
    await sendHalf(file, noise(FILE_BYTES));
    await customer.deleteUpload(file.id);
  }

  /** Fetches a file as Akool would, again and again while the job is under way. */
  async look(file: SentFile, hasEnded: () => Promise<boolean>): Promise<void> {
    while (!this.#signal.aborted) {
      const { status, bytes } = await fetched(file.url);
      // Asked afterwards, because an end between the two explains a file that is gone.
      if (await hasEnded()) return;
      // A gateway that is dead, or has no database, shows nothing about the file.
      if (bytes !== null && status < 500 && hashOf(bytes) !== file.sha256) {
        this.#missing.push(`${file.url}: ${status}`);
        return;
      }
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** Waits until the customers see no uploads and the folder has no files. */
  async untilErased(customers: readonly Customer[], folder: string): Promise<void> {
    await Promise.all(customers.map((customer) => this.#deleteUntold(customer)));
    const end = performance.now() + ERASED_WITHIN_MS;
    do {
      await sleep(PAUSE_MS);
      const seen = (await Promise.all(customers.map((customer) => customer.uploads()))).flat();
      this.#left = [...seen.map(({ id, status }) => `${status} ${id}`), ...filesIn(folder)];
    } while (this.#left.length > 0 && performance.now() < end);
  }

  /** Deletes those that were announced once more because a kill cut the answer off; they would live for 15 minutes. */
  async #deleteUntold(customer: Customer): Promise<void> {
    for (const { id, status } of await customer.uploads()) {
      if (status === 'AWAITING' && !this.#announced.has(id)) await customer.deleteUpload(id);
    }
  }

  async #announce(customer: Customer, byteSize: number): Promise<AnnouncedFile> {
    const file = await customer.announce(byteSize);
    this.#announced.add(file.id);
    return file;
  }

  /**
   * @param rows what the gateways left, after they have been stopped
   * @param killedAt when the last one was killed before, in milliseconds since 1970
   */
  evidence(rows: readonly StoredUpload[], killedAt: number): FileEvidence {
    const kept = rows.filter(({ due }) => !isTakenUp(due, killedAt)).map(({ row }) => row);
    return {
      sent: this.#sent,
      refused: this.#refused,
      missing: this.#missing,
      left: [...new Set([...this.#left, ...kept])],
    };
  }
}

/** Whether a killed gateway was receiving or erasing it, so that it became the next one's turn only later. */
function isTakenUp(due: number | null, killedAt: number): boolean {
  return due !== null && due > killedAt && due <= killedAt + ERASURE_CLAIM_MS;
}

/** Leaves in the middle. */
async function sendHalf({ putUrl }: AnnouncedFile, bytes: Buffer): Promise<void> {
  const half = beginPut(putUrl, { 'content-length': bytes.length });
  await half.send(bytes.subarray(0, bytes.length / 2)).catch(() => {});
  half.request.destroy();
}

/** Without bytes if the connection was refused or lost. */
async function fetched(url: string): Promise<{ readonly status: number; readonly bytes: Buffer | null }> {
  try {
    const response = await fetch(url);
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
  } catch {
    return { status: 0, bytes: null };
  }
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The records of uploads over SQL, in the database that the job store opens. */
import type { PageRequest } from '../jobs/job-store.js';
import type { KeptUpload, Upload } from '../uploads/upload.js';
import type { Discarded, NewUpload, Reception, UploadPage, UploadStore } from '../uploads/upload-store.js';
import type { Database } from './database.js';
import { claimErasures, discard, eraseUploads, expire, release, rescheduleErasures } from './upload-ends.js';
import { listUploads } from './upload-pages.js';
import {
  announce,
  beginReception,
  findNamed,
  findServed,
  findUpload,
  finishReception,
  giveUpClaims,
  handOut,
  moveClaim,
  usageOf,
} from './upload-rows.js';

export class KyselyUploadStore implements UploadStore {
  readonly #opened: () => Database;

  /** @param opened throws unless the database is open */
  constructor(opened: () => Database) {
    this.#opened = opened;
  }

  async announce(upload: NewUpload, quotaBytes: number | null): Promise<Upload | null> {
    return announce(this.#opened(), upload, quotaBytes);
  }

  async handOut(tenant: string, sentSha256: string, expiresAt: number): Promise<Upload | null> {
    return handOut(this.#opened(), tenant, sentSha256, expiresAt);
  }

  async find(tenant: string, id: string): Promise<Upload | null> {
    return findUpload(this.#opened().db, tenant, id);
  }

  async findNamed(tenant: string, names: readonly string[]): Promise<ReadonlyMap<string, Upload>> {
    return findNamed(this.#opened().db, tenant, names);
  }

  async findServed(name: string): Promise<Upload | null> {
    return findServed(this.#opened().db, name);
  }

  async list(tenant: string, page: PageRequest): Promise<UploadPage> {
    return listUploads(this.#opened().db, tenant, page);
  }

  async usage(tenant: string, now: number): Promise<number> {
    return usageOf(this.#opened().db, tenant, now);
  }

  async begin(
    putToken: string,
    claim: { readonly id: string; readonly now: number; readonly until: number },
  ): Promise<Reception> {
    return beginReception(this.#opened(), putToken, claim);
  }

  async renew(id: string, claim: string, until: number): Promise<boolean> {
    return this.#opened().write((trx) => moveClaim(trx, id, claim, until));
  }

  async finish(id: string, claim: string, kept: KeptUpload, now: number): Promise<Upload | null> {
    return this.#opened().write((trx) => finishReception(trx, id, claim, kept, now));
  }

  async abandon(id: string, claim: string): Promise<void> {
    await this.#opened().write((trx) => moveClaim(trx, id, claim, null));
  }

  async abandonAll(): Promise<void> {
    await this.#opened().write(giveUpClaims);
  }

  async discard(tenant: string, id: string, now: number): Promise<Discarded> {
    return discard(this.#opened(), tenant, id, now);
  }

  async release(jobIds: readonly string[], now: number): Promise<boolean> {
    return release(this.#opened(), jobIds, now);
  }

  async expire(now: number, ttlMs: number, limit: number): Promise<number> {
    return expire(this.#opened(), now, ttlMs, limit);
  }

  async claimErasures(now: number, until: number, limit: number): Promise<readonly Upload[]> {
    return claimErasures(this.#opened(), now, until, limit);
  }

  async rescheduleErasures(ids: readonly string[], at: number): Promise<void> {
    await this.#opened().write((trx) => rescheduleErasures(trx, ids, at));
  }

  async erase(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#opened().write((trx) => eraseUploads(trx, ids));
  }
}

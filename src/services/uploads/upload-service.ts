/** The uploads of callers: announced, found, named by jobs, and deleted. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { type FieldError, GatewayError } from '../../errors.js';
import type { PageRequest } from '../jobs/job-store.js';
import type { UnusableUploads } from '../jobs/unusable-uploads.js';
import { newPutToken } from './put-token.js';
import { type Announcement, PUT_LIFE_MS, UNNAMED_LIFE_MS, type Upload } from './upload.js';
import type { UploadAddresses } from './upload-addresses.js';
import type { UploadPage, UploadStore } from './upload-store.js';

interface UploadServiceSettings {
  /** For each tenant; null: no limit. */
  readonly quotaBytes: number | null;
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
  /** The room that new uploads must leave on the disk. */
  readonly minFreeBytes: number;
}

/** An address in an input, and its path. */
export interface GivenAddress {
  readonly path: string;
  readonly url: string;
}

/** An address of uploads in an input. */
export interface NamedAt {
  readonly path: string;
  readonly name: string;
}

export interface UploadUsage {
  readonly bytes: number;
  readonly limit: number | null;
}

/** 192 bits. */
const NAME_BYTES = 24;

export class UploadService {
  readonly #store: UploadStore;
  readonly #addresses: UploadAddresses;
  readonly #clock: Clock;
  readonly #settings: UploadServiceSettings;
  readonly #isReachable: boolean;
  readonly #freeBytes: () => Promise<number | null>;

  constructor(parts: {
    readonly store: UploadStore;
    readonly addresses: UploadAddresses;
    readonly clock: Clock;
    readonly settings: UploadServiceSettings;
    /** Whether Akool can download uploads from their addresses. */
    readonly isReachable: boolean;
    /** The room on the disk that stores uploads; null if there is no limit, or it is not known. */
    readonly freeBytes: () => Promise<number | null>;
  }) {
    this.#store = parts.store;
    this.#addresses = parts.addresses;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#isReachable = parts.isReachable;
    this.#freeBytes = parts.freeBytes;
  }

  /**
   * Announces an upload, or hands out the tenant's own with the same bytes, if their hash is given.
   *
   * @throws GatewayError UPLOADS_UNAVAILABLE, UPLOAD_QUOTA_EXCEEDED
   */
  async create(
    tenant: string,
    announced: Announcement,
  ): Promise<{ readonly upload: Upload; readonly deduplicated: boolean }> {
    if (!this.#isReachable) {
      throw new GatewayError(
        'UPLOADS_UNAVAILABLE',
        'Akool could not download uploads from this gateway: its operator has to set PUBLIC_URL to the URL at which Akool reaches it.',
      );
    }
    const at = this.#clock.now();
    if (announced.sha256 !== null) {
      const same = await this.#store.handOut(tenant, announced.sha256, at + UNNAMED_LIFE_MS);
      if (same !== null) return { upload: same, deduplicated: true };
    }
    await this.#expectRoom();
    const { quotaBytes } = this.#settings;
    const expiresAt = at + PUT_LIFE_MS;
    const upload = await this.#store.announce(
      {
        id: randomUUID(),
        tenant,
        name: randomBytes(NAME_BYTES).toString('base64url'),
        putToken: newPutToken(expiresAt),
        announced,
        at,
        expiresAt,
      },
      quotaBytes,
    );
    if (upload !== null) return { upload, deduplicated: false };
    throw new GatewayError(
      'UPLOAD_QUOTA_EXCEEDED',
      `Your uploads may take ${quotaBytes} bytes together: delete some, or wait until some expire.`,
    );
  }

  /** Returns what of an announcement this gateway does not take, besides the rules of the input. */
  faultsOf({ contentType, byteSize }: Pick<Announcement, 'contentType' | 'byteSize'>): readonly FieldError[] {
    const isVideo = contentType.startsWith('video/');
    const most = isVideo ? this.#settings.maxVideoBytes : this.#settings.maxImageBytes;
    if (byteSize <= most) return [];
    const message = `must be at most ${most} for a ${isVideo ? 'video' : 'picture'}`;
    return [{ path: 'input.byteSize', code: 'UPLOAD_TOO_LARGE', message }];
  }

  /** Returns the upload; null if it does not exist or belongs to another tenant. */
  find(tenant: string, id: string): Promise<Upload | null> {
    return this.#store.find(tenant, id);
  }

  list(tenant: string, page: PageRequest): Promise<UploadPage> {
    return this.#store.list(tenant, page);
  }

  async usage(tenant: string): Promise<UploadUsage> {
    const bytes = await this.#store.usage(tenant, this.#clock.now());
    return { bytes, limit: this.#settings.quotaBytes };
  }

  /**
   * Discards an upload: it is no longer seen or served; its bytes are erased in the background.
   *
   * @throws GatewayError NOT_FOUND; CONFLICT if an unfinished job needs it
   */
  async discard(tenant: string, id: string): Promise<void> {
    switch (await this.#store.discard(tenant, id, this.#clock.now())) {
      case 'discarded':
        return;
      case 'needed':
        throw new GatewayError(
          'CONFLICT',
          'A job that has not finished needs this upload: cancel the job first, or wait until it finishes.',
        );
      case 'unknown':
        throw new GatewayError('NOT_FOUND', 'There is no upload with this id.');
    }
  }

  urlOf(upload: Upload): string {
    return this.#addresses.urlOf(upload);
  }

  putUrlOf(upload: Upload): string {
    return this.#addresses.putUrlOf(upload);
  }

  async #expectRoom(): Promise<void> {
    const { minFreeBytes } = this.#settings;
    const free = minFreeBytes === 0 ? null : await this.#freeBytes();
    if (free === null || free >= minFreeBytes) return;
    throw new GatewayError(
      'UPLOADS_UNAVAILABLE',
      'The disk for uploads is nearly full; try again later. Its operator has to make room (UPLOAD_MIN_FREE_BYTES).',
    );
  }

  /** Returns the addresses that are those of uploads, whether or not there are such uploads. */
  namedAt(addresses: readonly GivenAddress[]): readonly NamedAt[] {
    return addresses.flatMap(({ path, url }) => {
      const name = this.#addresses.nameAt(url);
      return name === null ? [] : [{ path, name }];
    });
  }

  /** Returns an error for each address of uploads at which the tenant has none that is ready. */
  async faultsAt(tenant: string, addresses: readonly GivenAddress[]): Promise<readonly FieldError[]> {
    const named = this.namedAt(addresses);
    if (named.length === 0) return [];
    const own = await this.#store.findNamed(tenant, [...new Set(named.map(({ name }) => name))]);
    return named.flatMap(({ path, name }) => faultAt(path, own.get(name)?.status));
  }
}

/** Says which fields name the uploads for which a submit was refused. */
export function refusedAt(
  named: readonly NamedAt[],
  { notReady, unknown }: UnusableUploads,
): readonly FieldError[] {
  return named.flatMap(({ path, name }) => {
    if (unknown.includes(name)) return faultAt(path, undefined);
    return faultAt(path, notReady.includes(name) ? 'AWAITING' : 'READY');
  });
}

/** The same error for an upload that never was, is gone, or belongs to another tenant. */
function faultAt(path: string, status: Upload['status'] | undefined): readonly FieldError[] {
  switch (status) {
    case 'READY':
      return [];
    case 'AWAITING': {
      const message = 'is an upload whose bytes are not stored yet: PUT them to its putUrl first';
      return [{ path, code: 'UPLOAD_NOT_READY', message }];
    }
    case undefined: {
      const message = 'must be the url of one of your uploads: you have none there, or it has expired';
      return [{ path, code: 'UPLOAD_UNKNOWN', message }];
    }
  }
}

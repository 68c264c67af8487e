/**
 * Cursors of a list: the encrypted place of a job, an upload or a change in it. The place contains its `sequence`, which counts
 * those of all tenants, so tenants must not be able to read it. Nor must they be able to forge one: by trying places next to
 * one of their jobs, they could find out its `sequence`.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto';
import type { JobPlace } from '../services/jobs/job-store.js';

/** A place and its mark fill exactly one block, so ECB suffices: there is nothing to chain. */
const CIPHER = 'aes-256-ecb';
const BLOCK_BYTES = 16;
const NUMBER_BYTES = 6;
/** The lists, and the end of every decrypted cursor of each; anything else was not created for it. */
const MARKS = { jobs: 0x6a6f6273, uploads: 0x75706c64, changes: 0x63686764 };

export class Cursors {
  // Reused for all cursors, because creating a cipher costs several times as much as encrypting a block.
  readonly #cipher: Cipher;
  readonly #decipher: Decipher;
  readonly #mark: number;

  /** @param secret 32 bytes, the same on every instance */
  constructor(secret: Uint8Array, list: keyof typeof MARKS) {
    this.#mark = MARKS[list];
    this.#cipher = createCipheriv(CIPHER, secret, null).setAutoPadding(false);
    this.#decipher = createDecipheriv(CIPHER, secret, null).setAutoPadding(false);
  }

  seal({ createdAt, sequence }: JobPlace): string {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.writeUIntBE(createdAt, 0, NUMBER_BYTES);
    block.writeUIntBE(sequence, NUMBER_BYTES, NUMBER_BYTES);
    block.writeUInt32BE(this.#mark, 2 * NUMBER_BYTES);
    return this.#cipher.update(block).toString('base64url');
  }

  /** Returns null if the cursor is not one of ours. */
  open(cursor: string): JobPlace | null {
    const sealed = Buffer.from(cursor, 'base64url');
    if (sealed.length !== BLOCK_BYTES) return null;
    const block = this.#decipher.update(sealed);
    if (block.readUInt32BE(2 * NUMBER_BYTES) !== this.#mark) return null;
    return {
      createdAt: block.readUIntBE(0, NUMBER_BYTES),
      sequence: block.readUIntBE(NUMBER_BYTES, NUMBER_BYTES),
    };
  }
}

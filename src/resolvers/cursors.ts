/**
 * Cursors of a list: the encrypted place of a job in it. The place contains the job's `sequence`, which counts the jobs
 * of all tenants, so tenants must not be able to read it. Nor must they be able to forge one: by trying places next to
 * one of their jobs, they could find out its `sequence`.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto';
import type { JobPlace } from '../services/jobs/job-store.js';

/** A place and its mark fill exactly one block, so ECB suffices: there is nothing to chain. */
const CIPHER = 'aes-256-ecb';
const BLOCK_BYTES = 16;
const NUMBER_BYTES = 6;
/** The end of every decrypted cursor of ours; anything else was not created here. */
const MARK = 0x6a6f6273;

export class Cursors {
  // Reused for all cursors, because creating a cipher costs several times as much as encrypting a block.
  readonly #cipher: Cipher;
  readonly #decipher: Decipher;

  /** @param secret 32 bytes, the same on every instance */
  constructor(secret: Uint8Array) {
    this.#cipher = createCipheriv(CIPHER, secret, null).setAutoPadding(false);
    this.#decipher = createDecipheriv(CIPHER, secret, null).setAutoPadding(false);
  }

  seal({ createdAt, sequence }: JobPlace): string {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.writeUIntBE(createdAt, 0, NUMBER_BYTES);
    block.writeUIntBE(sequence, NUMBER_BYTES, NUMBER_BYTES);
    block.writeUInt32BE(MARK, 2 * NUMBER_BYTES);
    return this.#cipher.update(block).toString('base64url');
  }

  /** Returns null if the cursor is not one of ours. */
  open(cursor: string): JobPlace | null {
    const sealed = Buffer.from(cursor, 'base64url');
    if (sealed.length !== BLOCK_BYTES) return null;
    const block = this.#decipher.update(sealed);
    if (block.readUInt32BE(2 * NUMBER_BYTES) !== MARK) return null;
    return {
      createdAt: block.readUIntBE(0, NUMBER_BYTES),
      sequence: block.readUIntBE(NUMBER_BYTES, NUMBER_BYTES),
    };
  }
}

/**
 * Cursors of a list: where a job stands in it, sealed. A place holds the job's `sequence`, which counts the
 * jobs of all tenants. So no tenant may read it, and none may make up a place either: by trying places beside
 * a job of theirs they would find out where it stands.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto';
import type { JobPlace } from '../services/store/job-store.js';

/** A place and its mark fill one block, and each is sealed by itself: without a mode nothing goes from one to the next. */
const CIPHER = 'aes-256-ecb';
const BLOCK_BYTES = 16;
const NUMBER_BYTES = 6;
/** What only an opened cursor of ours ends with. */
const MARK = 0x6a6f6273;

export class Cursors {
  // One of each for all cursors: making one costs several times what a block does.
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

  /** Null for what is no cursor of ours. */
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

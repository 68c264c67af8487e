/** A file that is read piece by piece, so that its length costs no memory. */
import { type FileHandle, open } from 'node:fs/promises';
import { cutOff } from './picture-fault.js';

const WINDOW_BYTES = 64 * 1024;

/** Buffers that it returns are valid until the next call. Reading beyond the end is `MEDIA_BROKEN`. */
export class FileBytes {
  /** In bytes. */
  readonly size: number;
  readonly #file: FileHandle | null;
  readonly #signal: AbortSignal;
  readonly #window: Buffer;
  #start = 0;
  #end = 0;

  private constructor(size: number, file: FileHandle | null, window: Buffer, signal: AbortSignal) {
    this.size = size;
    this.#file = file;
    this.#window = window;
    this.#signal = signal;
  }

  /** To be closed. Each read rejects once `signal` is aborted. */
  static async open(path: string, signal: AbortSignal): Promise<FileBytes> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      return new FileBytes(size, file, Buffer.allocUnsafeSlow(WINDOW_BYTES), signal);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static of(content: Buffer, signal: AbortSignal): FileBytes {
    const bytes = new FileBytes(content.length, null, content, signal);
    bytes.#end = content.length;
    return bytes;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  /** Returns exactly `length` bytes, of which there must not be more than 64 KiB. */
  async at(offset: number, length: number): Promise<Buffer> {
    if (offset + length > this.size) throw cutOff();
    if (offset < this.#start || offset + length > this.#end) await this.#load(offset, length);
    return this.#window.subarray(offset - this.#start, offset - this.#start + length);
  }

  /** Returns the next bytes, at least one, as many as there are at hand and not beyond `end`. */
  async from(offset: number, end = this.size): Promise<Buffer> {
    const [first, last] = [offset - this.#start, Math.min(end, this.#end) - this.#start];
    if (first >= 0 && first < last) return this.#window.subarray(first, last);
    if (offset >= this.size) throw cutOff();
    await this.#load(offset, 1);
    return this.#window.subarray(0, Math.min(end, this.#end) - this.#start);
  }

  async #load(offset: number, needed: number): Promise<void> {
    this.#signal.throwIfAborted();
    this.#start = offset;
    this.#end = offset;
    while (this.#file !== null && this.#end < offset + needed) {
      const filled = this.#end - offset;
      const { bytesRead } = await this.#file.read(this.#window, filled, WINDOW_BYTES - filled, this.#end);
      if (bytesRead === 0) throw cutOff();
      this.#end += bytesRead;
    }
  }
}

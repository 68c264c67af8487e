/**
 * The documents of running operations. They are limited in total and per caller, because each operation may have its
 * own document. A document that many operations use, like that of followers, is kept and counted once.
 */
import type { DocumentNode } from 'graphql';
import { GatewayError } from '../errors.js';
import type { Caller } from '../services/auth/caller.js';
import { HeldBytes, type Holding } from '../services/limits/held-bytes.js';
import { bytesOf, textOf } from './document-nodes.js';
import { costOf } from './query-limits.js';

/** The total size in bytes; a caller who is alone gets half. */
const MAX_BYTES_IN_USE = 64 * 1024 * 1024;

interface Use {
  readonly document: DocumentNode;
  readonly held: Holding;
  /** The cost of one execution or one event; see `costOf`. */
  readonly cost: number;
  users: number;
}

export class DocumentsInUse {
  readonly #held = new HeldBytes(MAX_BYTES_IN_USE);
  /** By text. */
  readonly #uses = new Map<string, Use>();

  find(text: string): DocumentNode | undefined {
    return this.#uses.get(text)?.document;
  }

  /**
   * Returns the document to use, the cost of one execution or event of it, and a function that ends this use, which is
   * safe to call twice.
   *
   * @throws GatewayError RATE_LIMITED
   */
  begin(
    caller: Caller,
    document: DocumentNode,
  ): { readonly document: DocumentNode; readonly cost: number; readonly end: () => void } {
    const text = textOf(document);
    const use = this.#uses.get(text) ?? this.#open(caller, document);
    use.users += 1;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      use.users -= 1;
      if (use.users > 0) return;
      use.held.release();
      this.#uses.delete(text);
    };
    return { document: use.document, cost: use.cost, end };
  }

  #open(caller: Caller, document: DocumentNode): Use {
    const held = this.#held.open(caller);
    if (!held.add(bytesOf(document))) {
      throw new GatewayError(
        'RATE_LIMITED',
        'Too many large documents are in use at once; end some operations, or use one document for many.',
        { extensions: { retryAfterSeconds: 1 } },
      );
    }
    const use = { document, held, cost: costOf(document), users: 0 };
    this.#uses.set(textOf(document), use);
    return use;
  }
}

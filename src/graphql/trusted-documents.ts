/**
 * Trusted documents: only operations that the front end was built with may run.
 *
 * The file is what GraphQL Code Generator's `persistedDocuments` writes: `{"id": "document", …}`. A request
 * names a document by `documentId`, by `extensions.persistedQuery.sha256Hash`, or sends its whole text.
 */
import { readFile } from 'node:fs/promises';
import { parse, print } from 'graphql';
import { StartError } from '../errors.js';

export class TrustedDocuments {
  readonly #byId: ReadonlyMap<string, string>;
  readonly #texts: ReadonlySet<string>;

  private constructor(byId: ReadonlyMap<string, string>) {
    this.#byId = byId;
    this.#texts = new Set([...byId.values()].map(normalized));
  }

  /** @throws Error when the file can't be read, or is not of the form */
  static async read(path: string): Promise<TrustedDocuments> {
    try {
      const entries: unknown = JSON.parse(await readFile(path, 'utf8'));
      if (typeof entries !== 'object' || entries === null || Array.isArray(entries))
        throw new Error('not an object');
      return new TrustedDocuments(new Map(Object.entries(entries).map(([id, text]) => [id, String(text)])));
    } catch (cause) {
      throw new StartError(
        `TRUSTED_DOCUMENTS is ${JSON.stringify(path)}; it may be a readable JSON file like {"id": "query …"}`,
        { cause },
      );
    }
  }

  /** The text of the document with this id. */
  find(id: string): string | null {
    return this.#byId.get(id) ?? null;
  }

  /** Whether this is one of the documents, however it is laid out. Throws nothing. */
  includes(text: string): boolean {
    try {
      return this.#texts.has(normalized(text));
    } catch {
      return false;
    }
  }
}

function normalized(text: string): string {
  return print(parse(text, { noLocation: true }));
}

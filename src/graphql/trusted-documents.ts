/**
 * Trusted documents: only operations that the front end was built with may run.
 *
 * The file is what GraphQL Code Generator's `persistedDocuments` writes: `{"id": "document", …}`. A request
 * names a document by `documentId`, by `extensions.persistedQuery.sha256Hash`, or sends its whole text. Besides its id in
 * the file, the SHA-256 of a document names it, as GraphQL over HTTP proposes (appendix "Persisted Documents").
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Lexer, parse, print, Source, TokenKind } from 'graphql';
import { StartError } from '../errors.js';

/** A differently formatted text may be at most this many times as long as the longest document. */
const MAX_LAYOUT = 10;

export class TrustedDocuments {
  /** By id, and by hash, without the name of its algorithm. */
  readonly #byId: ReadonlyMap<string, string>;
  readonly #texts: ReadonlySet<string>;
  /** The normalized texts. */
  readonly #contents: ReadonlySet<string>;
  /** Longer texts can't match. */
  readonly #mostCharacters: number;

  private constructor(byId: ReadonlyMap<string, string>) {
    const texts = [...byId.values()];
    // Clients print documents in a normalized form before they send them.
    const known = [...texts, ...texts.map((text) => print(parse(text)))];
    this.#byId = new Map([
      ...known.map((text) => [hash('sha256', text), text] as const),
      // The ids of the file go first.
      ...Array.from(byId, ([id, text]) => [withoutAlgorithm(id), text] as const),
    ]);
    this.#texts = new Set(known);
    this.#contents = new Set(known.map(contentOf));
    this.#mostCharacters = MAX_LAYOUT * Math.max(0, ...known.map(({ length }) => length));
  }

  /** @throws StartError if the file can't be read or has another format */
  static async read(path: string): Promise<TrustedDocuments> {
    try {
      const entries: unknown = JSON.parse(await readFile(path, 'utf8'));
      if (typeof entries !== 'object' || entries === null || Array.isArray(entries))
        throw new Error('not an object');
      return new TrustedDocuments(new Map(Object.entries(entries).map(([id, text]) => [id, String(text)])));
    } catch (cause) {
      throw new StartError(
        `TRUSTED_DOCUMENTS is ${JSON.stringify(path)}; it must be a readable JSON file like {"id": "query …"}`,
        { cause },
      );
    }
  }

  /** Returns the text of the document with this id or hash. */
  find(id: string): string | null {
    return this.#byId.get(withoutAlgorithm(id)) ?? null;
  }

  /**
   * Whether this is one of the documents, in any formatting. Compares the text, then its tokens, without parsing it.
   * Never throws.
   */
  includes(text: string): boolean {
    if (this.#texts.has(text)) return true;
    if (text.length > this.#mostCharacters) return false;
    try {
      return this.#contents.has(contentOf(text));
    } catch {
      return false;
    }
  }
}

/** Some tools write a hash as `sha256:HEX`, others without the name of the algorithm. */
function withoutAlgorithm(id: string): string {
  return id.replace(/^sha256:/, '');
}

/** Returns the tokens, which do not include whitespace, commas and comments. @throws GraphQLError */
function contentOf(text: string): string {
  const lexer = new Lexer(new Source(text));
  const tokens: string[] = [];
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
    tokens.push(JSON.stringify([token.kind, token.value]));
  }
  return tokens.join();
}

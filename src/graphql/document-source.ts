/**
 * The text of a document, for as long as the document is kept. graphql-js looks for the line of every error from the
 * beginning of the text, which takes a millisecond where it is long; this one counts its lines once.
 */
import { type GraphQLError, Source, type SourceLocation } from 'graphql';

export class DocumentSource extends Source {
  readonly text: string;
  /** Where each begins; null until it is asked for. */
  #lines: readonly number[] | null = null;

  constructor(text: string) {
    super(text);
    this.text = text;
  }

  /** It has been parsed: graphql-js finds all there is to look through in no time, and `locationsOf` says what is true. */
  close(): void {
    this.body = '';
  }

  at(position: number): SourceLocation {
    this.#lines ??= [
      0,
      ...Array.from(this.text.matchAll(/\r\n|[\n\r]/g), ({ index, 0: end }) => index + end.length),
    ];
    const line = this.#lines.findLastIndex((start) => start <= position);
    return { line: line + 1, column: position + 1 - (this.#lines[line] ?? 0) };
  }
}

/** Where an error of a document is; undefined where that is not known. */
export function locationsOf({
  source,
  positions,
  locations,
}: GraphQLError): readonly SourceLocation[] | undefined {
  return source instanceof DocumentSource ? positions?.map((position) => source.at(position)) : locations;
}

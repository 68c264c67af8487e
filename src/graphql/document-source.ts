/**
 * The text of a document, for as long as the document is kept. To find the line of an error, graphql-js searches the
 * text from the beginning, which takes a millisecond if it is long. This class counts the lines once.
 */
import { type GraphQLError, Source, type SourceLocation } from 'graphql';

export class DocumentSource extends Source {
  readonly text: string;
  /** Where each line begins; null until first needed. */
  #lines: readonly number[] | null = null;

  constructor(text: string) {
    super(text);
    this.text = text;
  }

  /**
   * Call it after parsing. With an empty body, graphql-js wastes no time on locating errors; `locationsOf` returns the
   * correct locations.
   */
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

/** Returns the locations of an error in its document; undefined if unknown. */
export function locationsOf({
  source,
  positions,
  locations,
}: GraphQLError): readonly SourceLocation[] | undefined {
  return source instanceof DocumentSource ? positions?.map((position) => source.at(position)) : locations;
}

/** Log lines for people: what the log writes as JSON, as one line of text. */
import { prettyFactory } from 'pino-pretty';

/** @returns a function from a line of JSON to a line of text, both with their line breaks */
export function readableLines(hasColors: boolean): (line: string) => string {
  const pretty = prettyFactory({
    colorize: hasColors,
    ignore: 'pid,hostname',
    singleLine: true,
    // An error is shown like any other object, because its stack would take lines of its own.
    errorLikeObjectKeys: [],
  });
  return (line) =>
    pretty(JSON.parse(line, (_key, value) => (typeof value === 'string' ? visible(value) : value)));
}

/** Texts of others must neither begin a new line nor command the terminal. */
function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    character < ' '
      ? JSON.stringify(character).slice(1, -1)
      : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

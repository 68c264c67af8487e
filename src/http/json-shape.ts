/**
 * How deep and how full a JSON text is, before it is parsed: parsing 8 MB of brackets takes a second. Closer
 * limits, which are told per operation, hold for what has been parsed.
 */

/** Lists and objects within each other. */
const MAX_JSON_DEPTH = 5000;
/** Members of all lists and objects: variables may have 5,000, each of which may be a list and so count twice. */
const MAX_JSON_VALUES = 12_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** `[` and `]`; `{` and `}` are these and 0x20. */
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BRACE = 0x20;

/** How many values are to be parsed; null: too many, or too deep. Whether it is JSON at all is for the parser to say. */
export function valuesIn(json: string): number | null {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length; at++) {
    const letter = json.charCodeAt(at);
    if (letter === QUOTE) {
      at = endOfString(json, at);
    } else if (letter === COMMA) {
      values += 1;
    } else if ((letter & ~BRACE) === OPEN) {
      depth += 1;
      values += 1;
      if (depth > MAX_JSON_DEPTH) return null;
    } else if ((letter & ~BRACE) === CLOSE) {
      depth -= 1;
    }
    if (values > MAX_JSON_VALUES) return null;
  }
  return values;
}

/** Where the string that begins at `start` ends; the end of the text when it does not. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return json.length;
}

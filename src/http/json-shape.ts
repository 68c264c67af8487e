/**
 * Limits the depth and the number of values of a JSON text before it is parsed, because parsing 8 MB of brackets takes
 * a second. Operations have tighter limits, which are checked after parsing.
 */

/** Levels of nested lists and objects. */
const MAX_JSON_DEPTH = 5000;
/** Members of all lists and objects. Variables may have 5,000, and each may be a list and count twice. */
const MAX_JSON_VALUES = 12_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** `[` and `]`; `{` and `}` differ from them by 0x20. */
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BRACE = 0x20;

/** Returns the number of values, or null if values or levels exceed their limit. Does not check for valid JSON. */
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

/** Returns the end of the string that begins at `start`; the end of the text if it is unterminated. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return json.length;
}

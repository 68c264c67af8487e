/** Names under which browsers save a kept result. */

/** File systems allow 255, and browsers add to the name: ` (1)`, or an ending of their own while they download. */
const MAX_NAME_BYTES = 200;
/** More than fits into a name, of which some characters are removed. */
const MAX_CHARACTERS_READ = 1000;

const DEFAULT_NAME = 'face-swap';

/** Control characters, marks that change the direction of text, halves of characters; not the joiners of Persian and emoji. */
const INVISIBLE = /(?![\s\u200c\u200d])\p{C}/gu;
/** Separate folders, or are not allowed in names on Windows. */
const FORBIDDEN = /["*/:<>?\\|]/g;
/** Names of devices on Windows, whatever their extension. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) ?(?:\.|$)/i;

/** Other extensions of the same kind of file. */
const ALIASES: Readonly<Record<string, string>> = { jpg: 'jpeg', apng: 'png' };

/**
 * Makes `wanted` harmless on every system, and gives it the extension of the copy. Anyone can change the address of a
 * download, so this is done when it is given out and when it is answered; doing it twice changes nothing.
 *
 * @param copy the copy's own name
 * @param wanted null: a default name
 */
export function downloadName(copy: string, wanted: string | null): string {
  const right = copy.slice(copy.lastIndexOf('.') + 1);
  const text = (wanted ?? '')
    .slice(0, MAX_CHARACTERS_READ)
    .replace(INVISIBLE, '')
    .replace(/\s+/g, ' ')
    .replace(FORBIDDEN, '_')
    .normalize('NFC');
  const dot = text.lastIndexOf('.');
  const given = text.slice(dot + 1);
  const isRight = dot !== -1 && [right, ALIASES[right]].includes(given.toLowerCase());
  const ending = `.${isRight ? given : right}`;
  const stem = trimmed(isRight ? text.slice(0, dot) : text) || DEFAULT_NAME;
  const unreserved = RESERVED.test(stem) ? `_${stem}` : stem;
  return `${trimmed(cut(unreserved, MAX_NAME_BYTES - ending.length))}${ending}`;
}

/** Leading dots hide a file, and Windows drops trailing ones. */
function trimmed(text: string): string {
  return text.replace(/^[. ]+|(?<![. ])[. ]+$/g, '');
}

/** Returns as many whole characters as fit into this many bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read);
}

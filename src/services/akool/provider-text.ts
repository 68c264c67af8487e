/**
 * Cleans text from Akool so that it can be shown and logged.
 *
 * A provider may repeat what it was sent: our key, the callback URL with its token, signed URLs of pictures.
 * None of these may appear in an error.
 */

/** In code points. */
const MAX_PROVIDER_TEXT_LENGTH = 200;

/** Replaces a secret. */
const REDACTED = '[hidden]';

/** Only this many characters are read, because an answer may contain 4 MB of them. */
const MAX_CHARACTERS_READ = 8192;
/** In characters. If the cut above goes through a secret, no part of it may remain. */
const MAX_SECRET_CHARACTERS = 2048;

/**
 * Returns `text` on one line, without control characters, secrets and query strings of URLs, cut to
 * MAX_PROVIDER_TEXT_LENGTH. Returns '' for anything but a string.
 *
 * @param secrets values to remove, both plain and percent-encoded
 */
export function cleanProviderText(text: unknown, secrets: readonly string[] = []): string {
  const clean = withoutSecrets(text, secrets).replace(
    AFTER_SCHEME,
    (_all, rest: string) => `://${withoutUserInfo(rest)}`,
  );
  return bounded(clean.trim());
}

/** The first half of `cleanProviderText`, for texts from which other code removes more secrets. */
export function withoutSecrets(text: unknown, secrets: readonly string[]): string {
  if (typeof text !== 'string') return '';
  // Remove non-printing characters first: inside a secret, one of them would hide it from the search.
  let clean = beginningOf(text.replace(/\s+/gu, ' ').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ''));
  for (const secret of longestFirst(secrets)) clean = clean.replaceAll(secret, REDACTED);
  return withoutPieces(clean, secrets);
}

/** The secrets in a callback URL: the whole URL, and every part of its path that may be a token. */
export function secretsOfAddress(address: string | null): string[] {
  if (address === null) return [];
  return [address, ...address.split(/[/?#&=]/).filter((part) => part.length >= 16)];
}

/** Matches a URL after its scheme. */
const AFTER_SCHEME = /:\/\/([^\s"'<>?#]*)(?:[?#][^\s"'<>]*)?/gu;

/** Anything shorter is no secret, and hiding it would make texts unreadable. */
const SHORTEST_SECRET = 4;

/** Cuts the text, and drops the word at the cut, or as much of it as could be part of a secret. */
function beginningOf(text: string): string {
  if (text.length <= MAX_CHARACTERS_READ) return text;
  const cut = text.slice(0, MAX_CHARACTERS_READ);
  return cut.slice(0, Math.max(cut.lastIndexOf(' '), cut.length - MAX_SECRET_CHARACTERS));
}

/** This many consecutive characters of a secret do not appear by chance. */
const PIECE_LENGTH = 12;

/** Hides the remains of a secret that was repeated partly, in capitals, or with a break in it. */
function withoutPieces(text: string, secrets: readonly string[]): string {
  const pieces = new Set<string>();
  // Most of a URL is not secret, and its secret parts are listed separately.
  for (const secret of secrets.filter((one) => !one.includes('/'))) {
    const lower = lowerCase(secret);
    for (let i = 0; i + PIECE_LENGTH <= lower.length; i += 1) pieces.add(lower.slice(i, i + PIECE_LENGTH));
  }
  const lower = lowerCase(text);
  let clean = '';
  let hiddenUntil = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (pieces.has(lower.slice(i, i + PIECE_LENGTH))) {
      if (i >= hiddenUntil) clean += REDACTED;
      hiddenUntil = i + PIECE_LENGTH;
    }
    if (i >= hiddenUntil) clean += text[i];
  }
  return clean;
}

/** Converts only ASCII letters, so that positions stay the same. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function longestFirst(secrets: readonly string[]): string[] {
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .sort((a, b) => b.length - a.length);
}

function withoutUserInfo(authorityAndPath: string): string {
  const slash = authorityAndPath.indexOf('/');
  const authority = slash === -1 ? authorityAndPath : authorityAndPath.slice(0, slash);
  return authorityAndPath.slice(authority.lastIndexOf('@') + 1);
}

function bounded(text: string): string {
  const characters = Array.from(text.slice(0, 2 * MAX_PROVIDER_TEXT_LENGTH + 2));
  if (characters.length <= MAX_PROVIDER_TEXT_LENGTH) return text;
  return `${characters.slice(0, MAX_PROVIDER_TEXT_LENGTH - 1).join('')}…`;
}

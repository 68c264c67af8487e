/**
 * Text that came from Akool, made fit to be shown to a person and to be logged.
 *
 * A provider may repeat what it was sent: our key, the webhook address with its token, signed picture
 * addresses. None of that may come back out in an error.
 */

/** Longest text kept, in code points. */
const MAX_PROVIDER_TEXT_LENGTH = 200;

/** What stands where a secret was. */
const REDACTED = '[hidden]';

/** Characters that are looked at; an answer may hold 4 MB of them. */
const MAX_CHARACTERS_READ = 8192;
/** Characters. A secret that the cut above goes through must not remain in part. */
const MAX_SECRET_CHARACTERS = 2048;

/**
 * `text` on one line, without control characters, secrets, and the query strings of addresses, cut to
 * MAX_PROVIDER_TEXT_LENGTH. Anything that is not a string gives ''.
 *
 * @param secrets values that must not appear, as they are or percent-encoded
 */
export function cleanProviderText(text: unknown, secrets: readonly string[] = []): string {
  const clean = withoutSecrets(text, secrets).replace(
    AFTER_SCHEME,
    (_all, rest: string) => `://${withoutUserInfo(rest)}`,
  );
  return bounded(clean.trim());
}

/** The first half of `cleanProviderText`, for a text from which others have secrets to take out. */
export function withoutSecrets(text: unknown, secrets: readonly string[]): string {
  if (typeof text !== 'string') return '';
  // Characters that do not print go first: one of them inside a secret would hide it from the search.
  let clean = beginningOf(text.replace(/\s+/gu, ' ').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ''));
  for (const secret of longestFirst(secrets)) clean = clean.replaceAll(secret, REDACTED);
  return withoutPieces(clean, secrets);
}

/** What must not be repeated of a webhook address: all of it, and any part of its path that can be a token. */
export function secretsOfAddress(address: string | null): string[] {
  if (address === null) return [];
  return [address, ...address.split(/[/?#&=]/).filter((part) => part.length >= 16)];
}

/** Of an address: its scheme stays as it is. */
const AFTER_SCHEME = /:\/\/([^\s"'<>?#]*)(?:[?#][^\s"'<>]*)?/gu;

/** Shorter "secrets" than this are nobody's secret, and hiding them would make every text unreadable. */
const SHORTEST_SECRET = 4;

/** Without the word that the cut goes through, or without what of it could be part of a secret. */
function beginningOf(text: string): string {
  if (text.length <= MAX_CHARACTERS_READ) return text;
  const cut = text.slice(0, MAX_CHARACTERS_READ);
  return cut.slice(0, Math.max(cut.lastIndexOf(' '), cut.length - MAX_SECRET_CHARACTERS));
}

/** So many characters of a secret in a row are not there by chance. */
const PIECE_LENGTH = 12;

/** Hides what remains of a secret that was repeated in part, in capitals, or with a break in it. */
function withoutPieces(text: string, secrets: readonly string[]): string {
  const pieces = new Set<string>();
  // Most of an address is no secret, and what is one stands beside it.
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

/** Of ASCII letters, which keep their places. */
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

/** Origins of web pages, as `CORS_ORIGINS` lists them. */
import { distance } from 'fastest-levenshtein';
import { parseUrl } from '../http-url.js';

/**
 * Schemes of apps: `capacitor://localhost`, `tauri://localhost`, `chrome-extension://ID`, in capitals in Safari. The page
 * of a WebSocket has the scheme http: or https:, and pages of ftp: no longer exist.
 */
const APP_ORIGIN =
  /^(?!(?:https?|wss?|ftp|file|data|blob|localhost):)[a-z][a-z\d+.-]*:\/\/[\w.-]+(?::\d{1,5})?$/;
/** What some apps made of web pages, like those of Electron, send; browsers send `null`. */
const FILE_ORIGIN = 'file://';
/** A wildcard stands for one label of a host name that has at least two more, or ends in `localhost`. */
const WILDCARD_ORIGIN = /^https?:\/\/\*\.(?=[^/]*\.|localhost\b)/;

/** Whether a browser could send `text` as an `Origin`, or it is a pattern that matches such origins. */
export function isOriginPattern(text: string): boolean {
  if (text === '*' || text === 'null' || text === FILE_ORIGIN) return true;
  if (APP_ORIGIN.test(text)) return !isMisspelt(text) && parseUrl(text) !== null;
  if (!/^https?:/.test(text)) return false;
  if (!WILDCARD_ORIGIN.test(text)) return !text.includes('*') && parseUrl(text)?.origin === text;
  const example = text.replace('*', 'label');
  return !example.includes('*') && parseUrl(example)?.origin === example;
}

/** Whether the scheme is `http` or `https` but for one letter. */
function isMisspelt(text: string): boolean {
  const scheme = text.slice(0, text.indexOf(':'));
  return ['http', 'https'].some((meant) => distance(scheme, meant) <= 1);
}

/** @param patterns `*`, origins, and origins whose host name begins with `*.` */
export function matchesOrigin(patterns: readonly string[], origin: string): boolean {
  return patterns.some(
    (pattern) => pattern === '*' || pattern === origin || matchesWildcard(pattern, origin),
  );
}

function matchesWildcard(pattern: string, origin: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (end === undefined || !origin.startsWith(start) || !origin.endsWith(end)) return false;
  return /^[a-z\d_-]+$/.test(origin.slice(start.length, -end.length));
}

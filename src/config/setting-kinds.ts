/** Parsers for settings: one function for each kind of value. */
import { isIP } from 'node:net';
import { parseUrl } from '../http-url.js';
import { isOriginPattern } from './origins.js';
import { isPostgres, postgresMistake, postgresUrl } from './postgres-address.js';
import { sqliteMistake, toSqlite } from './sqlite-address.js';

export interface Kind<T> {
  /** Follows "must be" in an error. */
  readonly allowed: string;
  /** Returns undefined if the text is not allowed. */
  parse(text: string): T | undefined;
  /** A more specific error, or null. Follows the setting's name; must not contain a secret. */
  mistake?(text: string): string | null;
}

export function text(): Kind<string> {
  return { allowed: 'any text', parse: (t) => t };
}

/** What can be sent in a header as it is. */
export function headerText(): Kind<string> {
  return {
    allowed: 'printable ASCII without blanks',
    parse: (t) => (/^[\x21-\x7e]+$/.test(t) ? t : undefined),
  };
}

export function oneOf<const T extends string>(choices: readonly T[]): Kind<T> {
  return { allowed: choices.join(', '), parse: (t) => choices.find((choice) => choice === t) };
}

export function yesNo(): Kind<boolean> {
  return { allowed: 'true, false', parse: (t) => (t === 'true' ? true : t === 'false' ? false : undefined) };
}

export function integer(least: number, most: number): Kind<number> {
  return {
    allowed: `an integer from ${least} to ${most}`,
    parse: (t) => {
      const n = /^\d{1,15}$/.test(t) ? Number(t) : Number.NaN;
      return n >= least && n <= most ? n : undefined;
    },
  };
}

export function host(): Kind<string> {
  return {
    allowed: 'an IP address or a host name',
    parse: (t) => (isIP(t) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(t) ? t : undefined),
  };
}

/** An origin with an optional path, returned without a trailing slash. */
export function httpUrl({ query = false }: { readonly query?: boolean } = {}): Kind<string> {
  return {
    allowed: `an absolute http: or https: URL without ${query ? 'user name or fragment' : 'user name, query or fragment'}`,
    parse: (t) => {
      const url = /^https?:\/\//i.test(t) ? parseUrl(t) : null;
      if (url === null) return undefined;
      const isPlain = url.hash === '' && url.username === '' && url.password === '';
      if (!isPlain || (!query && url.search !== '')) return undefined;
      // `?` and `#` alone give empty strings here; assigning removes the character from `href`.
      if (url.search === '') url.search = '';
      url.hash = '';
      return url.href.replace(/(?<!\/)\/+$/, '');
    },
  };
}

export function origins(): Kind<readonly string[]> {
  const split = (t: string): string[] => t.split(',').map((origin) => origin.trim());
  const allowed =
    '*, or comma-separated origins as browsers send them (no path, no default port), like https://app.example.com, https://*.example.com, capacitor://localhost or null';
  return {
    allowed,
    parse: (t) => {
      const all = split(t);
      return all.every(isOriginPattern) ? all : undefined;
    },
    mistake: (t) => {
      const all = split(t);
      // A password may contain a comma, so with a user name no entry is sure to be free of one.
      if (all.length === 1 || t.includes('@')) return null;
      const wrong = all.findIndex((origin) => !isOriginPattern(origin));
      return `has ${JSON.stringify(all[wrong])} as entry ${wrong + 1}; it must be ${allowed}`;
    },
  };
}

/** Amazon's current rule; older names with capitals or underscores can't be part of a host name. */
export function bucketName(): Kind<string> {
  return {
    allowed: '3 to 63 lowercase letters, digits, dots and hyphens',
    parse: (t) => (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(t) ? t : undefined),
  };
}

/** Returned without leading or trailing slashes. */
export function keyPrefix(): Kind<string> {
  return {
    allowed: 'letters, digits, dots, hyphens and underscores, separated by slashes',
    parse: (t) => {
      const segments = t.replace(/^\/+|(?<!\/)\/+$/g, '').split('/');
      return segments.every((segment) => /^[\w-][\w.-]*$/.test(segment)) ? segments.join('/') : undefined;
    },
  };
}

export function awsRegion(): Kind<string> {
  return {
    allowed: 'lowercase letters, digits and hyphens, like eu-central-1',
    parse: (t) => (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(t) ? t : undefined),
  };
}

export function databaseUrl(): Kind<string> {
  return {
    allowed: 'sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE',
    parse: (t) => {
      if (t.startsWith('sqlite:')) return sqliteMistake(t) === null ? toSqlite(t) : undefined;
      return isPostgres(t) && postgresUrl(t) !== null && postgresMistake(t) === null ? t : undefined;
    },
    mistake: (t) => (isPostgres(t) ? postgresMistake(t) : t.startsWith('sqlite:') ? sqliteMistake(t) : null),
  };
}

export function redisPrefix(): Kind<string> {
  return {
    allowed: '1 to 64 letters, digits, dots, hyphens, underscores and colons',
    parse: (t) => (/^[\w.:-]{1,64}$/.test(t) ? t : undefined),
  };
}

export function redisUrl(): Kind<string> {
  return {
    allowed: 'redis://HOST:PORT or rediss://HOST:PORT, optionally followed by /DATABASE_NUMBER',
    parse: (t) =>
      /^rediss?:\/\//.test(t) && /^\/?\d{0,9}$/.test(parseUrl(t)?.pathname ?? 'none') ? t : undefined,
  };
}

/** As other programs read it: without a scheme, http: is meant. */
export function proxyUrl(): Kind<string> {
  return {
    allowed: 'http://HOST:PORT, https://HOST:PORT or HOST:PORT, where HOST can follow USER:PASSWORD@',
    parse: (t) => {
      const url = parseUrl(/^[^/]*:\d+$/.test(t) ? `http://${t}` : t);
      if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
      const { username, password, pathname, search, hash } = url;
      const isPlain = pathname === '/' && search === '' && hash === '';
      return isPlain && isSendable(username, password) ? url.href : undefined;
    },
  };
}

/** undici sends both or neither, and decodes them. */
function isSendable(username: string, password: string): boolean {
  try {
    return decodeURIComponent(username) === '' ? password === '' : decodeURIComponent(password) !== '';
  } catch {
    return false;
  }
}

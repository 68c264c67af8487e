/**
 * Converts a PostgreSQL URL as written for libpq to the form that the driver expects.
 *
 * Parameters of libpq that the driver ignores or interprets differently are refused or translated.
 */
import { parseUrl } from '../http-url.js';

/** libpq's modes, and the driver's own `no-verify`. */
export const SSL_MODES = [
  'disable',
  'no-verify',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
] as const;
type SslMode = (typeof SSL_MODES)[number];

/** The settings outside the URL, as in libpq. */
export interface SslSettings {
  /** The mode if the URL has none. */
  readonly mode: SslMode | null;
  /** A file of CA certificates; null for those that Node trusts. */
  readonly rootCertFile: string | null;
}

/** Stands for the host of a URL without one, which `URL` can't parse after a user name. */
const NO_HOST = 'host.invalid';

export function isPostgres(address: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(address);
}

/** Returns null if it is no URL. The host may be missing: then `?host=/run/postgresql` names the directory of a socket. */
export function postgresUrl(address: string): URL | null {
  return parseUrl(address) ?? parseUrl(address.replace('@/', `@${NO_HOST}/`));
}

/** Returns what is wrong with the URL, worded to follow the setting's name, without secrets; null if it is valid. */
export function postgresMistake(address: string): string | null {
  const hosts = hostsOf(address);
  if (hosts.length > 1) {
    return `names several hosts (${hosts.join(', ')}); it must name exactly one, which must lead to the primary`;
  }
  const mode = postgresUrl(address)?.searchParams.get('sslmode');
  if (mode == null || isSslMode(mode)) return null;
  return `has the sslmode ${JSON.stringify(mode)}; it must be ${SSL_MODES.join(', ')}`;
}

/**
 * Every mode except `disable` and `no-verify` requires TLS and verifies the certificate and its host name;
 * `verify-ca` with a root certificate does not check the host name.
 */
export function driverAddress(address: string, { mode, rootCertFile }: SslSettings): string {
  const url = postgresUrl(address);
  if (url === null) return address;
  const { searchParams: given } = url;
  // The URL uses the driver's own parameters.
  if (given.has('uselibpqcompat') || (given.has('ssl') && !given.has('sslmode'))) return address;
  const sslMode = given.get('sslmode') ?? mode ?? (rootCertFile === null ? null : 'verify-full');
  if (sslMode === null || !isSslMode(sslMode)) return address;
  if (
    sslMode !== 'disable' &&
    sslMode !== 'no-verify' &&
    rootCertFile !== null &&
    !given.has('sslrootcert')
  ) {
    given.set('sslrootcert', rootCertFile);
  }
  switch (sslMode) {
    case 'disable':
    case 'no-verify':
      given.set('sslmode', sslMode);
      break;
    case 'verify-ca':
      if (given.has('sslrootcert')) {
        given.set('sslmode', 'verify-ca');
        given.set('uselibpqcompat', 'true');
        break;
      }
      given.set('sslmode', 'verify-full');
      break;
    case 'allow':
    case 'prefer':
    case 'require':
    case 'verify-full':
      given.set('sslmode', 'verify-full');
      break;
  }
  return url.href.replace(`@${NO_HOST}/`, '@/');
}

function isSslMode(text: string): text is SslMode {
  return SSL_MODES.some((mode) => mode === text);
}

/** Returns the hosts with their ports. `URL` can't parse several hosts with ports. */
function hostsOf(address: string): readonly string[] {
  const [, authority = '', query = ''] = /^\w+:\/\/([^/?#]*)[^?#]*(?:\?([^#]*))?/.exec(address) ?? [];
  const inQuery = new URLSearchParams(query).get('host');
  return (inQuery ?? authority.slice(authority.lastIndexOf('@') + 1)).split(',');
}

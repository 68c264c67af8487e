/**
 * The address of a PostgreSQL server as the driver takes it, from the one that people write for libpq.
 *
 * libpq's words that mean something else to the driver, or nothing, are refused or put right here.
 */
import { parseUrl } from '../http-url.js';

/** Of libpq, and the driver's own `no-verify`. */
export const SSL_MODES = [
  'disable',
  'no-verify',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** What stands beside the address, as in libpq. */
export interface SslSettings {
  /** Where the address says nothing. */
  readonly mode: SslMode | null;
  /** A file of certificates; null: those that Node trusts. */
  readonly rootCertFile: string | null;
}

/** What is wrong with it, to be said after its name; null where nothing is. Never repeats a secret. */
export function postgresMistake(address: string): string | null {
  const hosts = hostsOf(address);
  if (hosts.length > 1) {
    return `names several hosts (${hosts.join(', ')}); it may name one, which leads to the primary`;
  }
  const mode = parseUrl(address)?.searchParams.get('sslmode');
  if (mode == null || isSslMode(mode)) return null;
  return `has the sslmode ${JSON.stringify(mode)}; it may be ${SSL_MODES.join(', ')}`;
}

/**
 * Every mode but `disable` and `no-verify` wants TLS and verifies the certificate and the name in it; `verify-ca`
 * with a root certificate does not compare the name.
 */
export function driverAddress(address: string, { mode, rootCertFile }: SslSettings): string {
  const url = new URL(address);
  const { searchParams: given } = url;
  // Somebody who knows the driver.
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
  return url.href;
}

function isSslMode(text: string): text is SslMode {
  return SSL_MODES.some((mode) => mode === text);
}

/** With their ports; URL itself can't be asked, because several with ports are none. */
function hostsOf(address: string): readonly string[] {
  const [, authority = '', query = ''] = /^\w+:\/\/([^/?#]*)[^?#]*(?:\?([^#]*))?/.exec(address) ?? [];
  const inQuery = new URLSearchParams(query).get('host');
  return (inQuery ?? authority.slice(authority.lastIndexOf('@') + 1)).split(',');
}

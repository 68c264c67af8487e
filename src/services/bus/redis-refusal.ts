/** Which errors of a connection to Redis say that its address is wrong, so that waiting does not help. */
import { isCertificateError } from '../../certificate-error.js';

/** What is wrong, for the person who set REDIS_URL; null for an error that may pass. */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (PASSWORD.test(error.message)) return `Redis refuses its user name or password (${error.message})`;
  if (isOfSelect(error)) return `Redis refuses its database number (${error.message})`;
  if (isCertificateError(error)) {
    return `the certificate of Redis is not trusted (${error.message}); NODE_EXTRA_CA_CERTS may name the file of its CA`;
  }
  const isOfTls = 'code' in error && /^ERR_SSL_|^EPROTO$/.test(String(error.code));
  return isOfTls ? `Redis does not speak TLS there as it has to for rediss: (${error.message})` : null;
}

/** Redis's own words, which begin with a code. */
const PASSWORD = /^(NOAUTH|WRONGPASS)\b|^ERR (AUTH|invalid password|Client sent AUTH)/;

/** ioredis notes at an answer what was asked. Redis also selects while it loads, so what it refuses then stays refused. */
function isOfSelect(error: Error): boolean {
  const { command } = error as { command?: { readonly name?: unknown } };
  return command?.name === 'select';
}

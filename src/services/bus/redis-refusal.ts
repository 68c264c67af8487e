/** Recognizes connection errors that waiting can't fix, because REDIS_URL is wrong. */
import { isCertificateError } from '../../certificate-error.js';

/** Returns what is wrong with REDIS_URL; null for an error that may be temporary. */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (PASSWORD.test(error.message)) return `Redis refuses its user name or password (${error.message})`;
  if (isOfSelect(error)) return `Redis refuses its database number (${error.message})`;
  if (isCertificateError(error)) {
    return `the certificate of Redis is not trusted (${error.message}); NODE_EXTRA_CA_CERTS may name the file of its CA`;
  }
  const isOfTls = 'code' in error && /^ERR_SSL_|^EPROTO$/.test(String(error.code));
  return isOfTls ? `Redis does not use TLS there, which rediss: requires (${error.message})` : null;
}

/** Redis's own messages, which begin with a code. */
const PASSWORD = /^(NOAUTH|WRONGPASS)\b|^ERR (AUTH|invalid password|Client sent AUTH)/;

/** ioredis adds the command to its error. Redis runs SELECT even while it is loading, so its refusal is final. */
function isOfSelect(error: Error): boolean {
  const { command } = error as { command?: { readonly name?: unknown } };
  return command?.name === 'select';
}

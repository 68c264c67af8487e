/** Which errors of a connection to Redis say that its address is wrong, so that waiting does not help. */

/** What is wrong and what may be done, for the person who set REDIS_URL; null for an error that may pass. */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error ? String(error.code) : '';
  if (PASSWORD.test(error.message)) return `Redis refuses its user name or password (${error.message})`;
  if (CERTIFICATE.test(code)) {
    return `the certificate of Redis is not trusted (${error.message}); NODE_EXTRA_CA_CERTS may name the file of its CA`;
  }
  if (TLS.test(code)) return `Redis does not speak TLS there as rediss: needs it (${error.message})`;
  return null;
}

/** Redis's own words, which begin with a code. */
const PASSWORD = /^(NOAUTH|WRONGPASS)\b|^ERR (AUTH|invalid password|Client sent AUTH)/;
/** Node's codes: OpenSSL's names of what X509_verify_cert finds, and its own. */
const CERTIFICATE = /CERT|^UNABLE_TO_|^HOSTNAME_MISMATCH$|^INVALID_(CA|PURPOSE)$/;
const TLS = /^ERR_SSL_|^EPROTO$/;

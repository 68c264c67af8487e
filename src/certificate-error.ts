/** Whether a connection failed because the other side's certificate is not trusted. */
export function isCertificateError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && CERTIFICATE.test(String(error.code));
}

/** Node's own error codes, and OpenSSL's names of verification errors (X509_V_ERR_…). */
const CERTIFICATE =
  /CERT|^UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_|^(HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)$/;

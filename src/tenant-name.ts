/**
 * Rules for tenant names. Each layer (JavaScript, SQLite, PostgreSQL, Redis) compares names in its own encoding. If
 * one of them changed or truncated a name, two tenants could become one, so such names are refused.
 */

/** In code points. */
export const MAX_TENANT_LENGTH = 256;

/** Returns what is wrong with the name, worded to follow "a tenant that"; null if it is valid. */
export function faultOfTenantName(name: string): string | null {
  if (name === '') return 'has no name';
  // UTF-8 has no surrogates: encoding turns each into U+FFFD, as decoding does with invalid bytes.
  if (/[\p{Surrogate}\ufffd]/u.test(name)) return 'is not well-formed Unicode';
  // PostgreSQL refuses U+0000, and other software ends a string there.
  if (/\p{Control}/u.test(name)) return 'has a control character in its name';
  // Check the length first, so that only short names are split into code points.
  if (name.length > 2 * MAX_TENANT_LENGTH || [...name].length > MAX_TENANT_LENGTH) {
    return `has a name of more than ${MAX_TENANT_LENGTH} characters`;
  }
  return null;
}

/** The credentials are signed, but the tenant's name is not allowed. */
export class TenantNameError extends Error {
  readonly code = 'TENANT_NAME_INVALID';
}

/**
 * @param claim the claim from a verified token
 * @throws TenantNameError
 */
export function readTenantName(claim: unknown): string {
  if (typeof claim !== 'string') throw new TenantNameError('The credentials name no tenant.');
  const fault = faultOfTenantName(claim);
  if (fault !== null) throw new TenantNameError(`The credentials name a tenant that ${fault}.`);
  return claim;
}

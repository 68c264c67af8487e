/**
 * The names of tenants. Every layer compares them in its own encoding (JavaScript, SQLite, PostgreSQL, Redis),
 * so a name that one of them changes or cuts could make two tenants one: such a name is nobody's.
 */

/** Code points. */
export const MAX_TENANT_LENGTH = 256;

/** What follows "a tenant that"; null: nothing is wrong with the name. */
export function faultOfTenantName(name: string): string | null {
  if (name === '') return 'has no name';
  // UTF-8 has no surrogates, and turns each into U+FFFD, which is also what undecodable bytes have become.
  if (/[\p{Surrogate}\ufffd]/u.test(name)) return 'is not well-formed Unicode';
  // PostgreSQL refuses U+0000, and others end a text there.
  if (/\p{Control}/u.test(name)) return 'has a control character in its name';
  // The second look is only at names that are short enough to be taken apart.
  if (name.length > 2 * MAX_TENANT_LENGTH || [...name].length > MAX_TENANT_LENGTH) {
    return `has a name of more than ${MAX_TENANT_LENGTH} characters`;
  }
  return null;
}

/** The credentials are signed, but no caller can bear this name. */
export class TenantNameError extends Error {
  readonly code = 'TENANT_NAME_INVALID';
}

/**
 * @param claim of a token, as it was signed
 * @throws TenantNameError
 */
export function readTenantName(claim: unknown): string {
  if (typeof claim !== 'string') throw new TenantNameError('The credentials name no tenant.');
  const fault = faultOfTenantName(claim);
  if (fault !== null) throw new TenantNameError(`The credentials name a tenant that ${fault}.`);
  return claim;
}

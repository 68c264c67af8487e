/** Tokens for gateways with `AUTH_JWT_SECRET`. */
import { createHmac } from 'node:crypto';

export const SECRET = 'a secret of at least thirty-two characters';

/** @param exp seconds since 1970 */
export function jwt(exp: number, sub = 'me'): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, exp, jti: Math.random() })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

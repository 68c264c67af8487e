/** Callers of the attacked gateway. */
import { SignJWT } from 'jose';

/** Attacker and bystander have a tenant each. */
export const ATTACKER_KEY = 'the-attackers-key-of-this-run';
export const BYSTANDER_KEY = 'the-bystanders-key-of-this-run';
const JWT_SECRET = 'the identity provider of this run';

export const CALLERS = {
  AUTH_API_KEYS: `mallory:${ATTACKER_KEY},bob:${BYSTANDER_KEY}`,
  AUTH_JWT_SECRET: JWT_SECRET,
};

/** Settings without authentication: all callers are one tenant. */
export const OPEN = { AUTH_API_KEYS: '', AUTH_JWT_SECRET: '' };

/** A JWT signed by the gateway's operator. */
export function jwtOf(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(JWT_SECRET));
}

/** Who uses the studio. A token is kept in the tab, so that it survives a reload and nothing else. */
import { createFaceSwap, type FaceSwap } from '@face-swap-gateway/client';
import { decodeJwt } from 'jose';

export interface Session {
  /** Null for an open gateway. */
  readonly token: string | null;
  /** For the client: unlike a token, it may be stored. */
  readonly scope: string;
  /** Kept until somebody signs in: for the same user, what was not answered goes on. */
  readonly hasExpired: boolean;
}

export const OPEN_SESSION: Session = { token: null, scope: 'studio', hasExpired: false };
const KEY = 'studio:session';

/** @param before the session whose token has expired, if there is one */
export function newSession(token: string, before: Session | null): Session {
  const isSame = before?.token != null && userOf(before.token) === userOf(token);
  return { token, scope: isSame ? before.scope : newScope(), hasExpired: false };
}

/** As the gateway names the owner of a JWT. Nothing tells whose an API key is, so each counts as a user. */
function userOf(token: string): unknown {
  try {
    const { tenant, sub } = decodeJwt(token);
    return tenant ?? sub;
  } catch {
    return token;
  }
}

function newScope(): string {
  return `studio ${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
}

export function storedSession(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  } catch {
    return null;
  }
}

/** @param session null to forget it */
export function storeSession(session: Session | null): void {
  try {
    if (session === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // Storage may be forbidden: the user has to sign in again after a reload.
  }
}

export function clientOf({ token, scope }: Session): FaceSwap {
  // Relative, so that the page also works behind a proxy that mounts the gateway below a path.
  return createFaceSwap({ url: new URL('graphql', document.baseURI), token, scope });
}

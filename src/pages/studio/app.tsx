/** Asks who it is where the gateway wants to know, and then shows the studio. */
import type { FaceSwap } from '@face-swap-gateway/client';
import { FaceSwapProvider } from '@face-swap-gateway/client/react';
import { useState } from 'react';
import type { PageConfig } from './page-config.js';
import { clientOf, newSession, OPEN_SESSION, storedSession, storeSession } from './session.js';
import { SignIn } from './sign-in.js';
import { Studio } from './studio.js';
import type { Choice } from './swap-order.js';

export function App({ config }: { readonly config: PageConfig }) {
  const [client, setClient] = useState<FaceSwap | null>(() => {
    const session = config.signIn ? storedSession() : OPEN_SESSION;
    return session && clientOf(session);
  });
  /** Set when a token has expired: who signs in next is the same user, unless somebody has signed out. */
  const [expired, setExpired] = useState<FaceSwap['scope']>(undefined);
  const [choice, setChoice] = useState<Choice | null>(null);

  const signIn = async (token: string): Promise<void> => {
    const session = newSession(token, expired);
    const next = clientOf(session);
    try {
      await next.jobs({ first: 1 });
    } catch (error) {
      next.close();
      throw error;
    }
    storeSession(session);
    setExpired(undefined);
    setClient(next);
  };
  const leave = (scope: FaceSwap['scope'], kept: Choice | null): void => {
    storeSession(null);
    client?.close();
    setExpired(scope);
    setChoice(kept);
    setClient(null);
  };
  const signOut = (): void => {
    // Which job was shown is nobody else's business.
    history.replaceState(null, '', location.pathname + location.search);
    leave(undefined, null);
  };

  if (client === null) return <SignIn hasExpired={expired !== undefined} onSignIn={signIn} />;
  return (
    <FaceSwapProvider client={client}>
      <Studio
        config={config}
        choice={choice}
        onSignOut={signOut}
        onExpired={(kept) => leave(client.scope, kept)}
      />
    </FaceSwapProvider>
  );
}

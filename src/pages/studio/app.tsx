/** Asks who it is where the gateway wants to know, and then shows the studio. */
import type { FaceSwap } from '@face-swap-gateway/client';
import { FaceSwapProvider } from '@face-swap-gateway/client/react';
import { useState } from 'react';
import type { PageConfig } from './page-config.js';
import { clientOf, newSession, OPEN_SESSION, storedSession, storeSession } from './session.js';
import { SignIn } from './sign-in.js';
import { Studio } from './studio.js';
import { TEXTS } from './texts.js';

export function App({ config }: { readonly config: PageConfig }) {
  const [client, setClient] = useState<FaceSwap | null>(() => {
    const session = config.signIn ? storedSession() : OPEN_SESSION;
    return session && clientOf(session);
  });
  const [notice, setNotice] = useState<string | null>(null);

  const signIn = async (token: string): Promise<void> => {
    const session = newSession(token);
    const next = clientOf(session);
    try {
      await next.jobs({ first: 1 });
    } catch (error) {
      next.close();
      throw error;
    }
    storeSession(session);
    setNotice(null);
    setClient(next);
  };
  const leave = (reason: string | null): void => {
    storeSession(null);
    client?.close();
    setNotice(reason);
    setClient(null);
  };

  if (client === null) return <SignIn notice={notice} onSignIn={signIn} />;
  return (
    <FaceSwapProvider client={client}>
      <Studio config={config} onSignOut={() => leave(null)} onExpired={() => leave(TEXTS.signIn.expired)} />
    </FaceSwapProvider>
  );
}

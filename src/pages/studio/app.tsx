/** Asks who it is where the gateway wants to know, and then shows the studio. */
import type { FaceSwap } from '@face-swap-gateway/client';
import { FaceSwapProvider } from '@face-swap-gateway/client/react';
import { useState } from 'react';
import type { PageConfig } from './page-config.js';
import { clientOf, newSession, OPEN_SESSION, type Session, storedSession, storeSession } from './session.js';
import { SignIn } from './sign-in.js';
import { Studio } from './studio.js';
import type { Choice } from './swap-order.js';

interface Current {
  /** Also of a token that has expired; null if nobody has signed in. */
  readonly session: Session | null;
  /** Null while somebody has to sign in. */
  readonly client: FaceSwap | null;
}

export function App({ config }: { readonly config: PageConfig }) {
  const [{ session, client }, setCurrent] = useState<Current>(() => {
    const stored = config.signIn ? storedSession() : OPEN_SESSION;
    return { session: stored, client: stored && !stored.hasExpired ? clientOf(stored) : null };
  });
  const [choice, setChoice] = useState<Choice | null>(null);

  const signIn = async (token: string): Promise<void> => {
    const next = newSession(token, session);
    const nextClient = clientOf(next);
    try {
      await nextClient.jobs({ first: 1 });
    } catch (error) {
      nextClient.close();
      throw error;
    }
    if (session && next.scope !== session.scope) forgetShown();
    storeSession(next);
    setCurrent({ session: next, client: nextClient });
  };
  /** What one user chose, and which job was shown, is nobody else's business. */
  const forgetShown = (): void => {
    history.replaceState(null, '', location.pathname + location.search);
    setChoice(null);
  };
  const leave = (left: Session | null): void => {
    storeSession(left);
    client?.close();
    setCurrent({ session: left, client: null });
  };

  if (client === null) return <SignIn hasExpired={session !== null} onSignIn={signIn} />;
  return (
    <FaceSwapProvider client={client}>
      <Studio
        config={config}
        choice={choice}
        onSignOut={() => {
          forgetShown();
          leave(null);
        }}
        onExpired={(kept) => {
          setChoice(kept);
          leave(session && { ...session, hasExpired: true });
        }}
      />
    </FaceSwapProvider>
  );
}

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
  readonly session: Session;
  readonly client: FaceSwap;
}

export function App({ config }: { readonly config: PageConfig }) {
  const [stored] = useState(() => (config.signIn ? storedSession() : OPEN_SESSION));
  const [current, setCurrent] = useState<Current | null>(() =>
    stored && !stored.hasExpired ? { session: stored, client: clientOf(stored) } : null,
  );
  const [expired, setExpired] = useState<Session | null>(stored?.hasExpired ? stored : null);
  const [choice, setChoice] = useState<Choice | null>(null);

  const signIn = async (token: string): Promise<void> => {
    const session = newSession(token, expired);
    const client = clientOf(session);
    try {
      await client.jobs({ first: 1 });
    } catch (error) {
      client.close();
      throw error;
    }
    if (expired && session.scope !== expired.scope) forgetShown();
    storeSession(session);
    setExpired(null);
    setCurrent({ session, client });
  };
  /** What one user chose, and which job was shown, is nobody else's business. */
  const forgetShown = (): void => {
    history.replaceState(null, '', location.pathname + location.search);
    setChoice(null);
  };
  const leave = (left: Session | null): void => {
    storeSession(left);
    setExpired(left);
    current?.client.close();
    setCurrent(null);
  };

  if (current === null) return <SignIn hasExpired={expired !== null} onSignIn={signIn} />;
  return (
    <FaceSwapProvider client={current.client}>
      <Studio
        config={config}
        choice={choice}
        onSignOut={() => {
          forgetShown();
          leave(null);
        }}
        onExpired={(kept) => {
          setChoice(kept);
          leave({ ...current.session, hasExpired: true });
        }}
      />
    </FaceSwapProvider>
  );
}

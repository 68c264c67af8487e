import { createContext, type ReactElement, type ReactNode, useContext, useMemo } from 'react';
import type { FaceSwap } from '../face-swap.js';
import type { ResumedSubmit } from '../resumed-submit.js';

interface Provided {
  readonly client: FaceSwap;
  /** What was resumed, and is not to be shown again: the app has gone on to something else. */
  readonly dismissed: WeakSet<ResumedSubmit>;
}

const Context = /* @__PURE__ */ createContext<Provided | null>(null);

export interface FaceSwapProviderProps {
  /** What `createFaceSwap` returned: create it outside of components, once for each user who signs in. */
  readonly client: FaceSwap;
  readonly children?: ReactNode;
}

/**
 * Gives the hooks below it their client.
 *
 *     const client = createFaceSwap({ url: '/graphql', token: () => session.token(), scope: session.user });
 *     <FaceSwapProvider client={client}><App /></FaceSwapProvider>
 */
export function FaceSwapProvider({ client, children }: FaceSwapProviderProps): ReactElement {
  const value = useMemo<Provided>(() => ({ client, dismissed: new WeakSet() }), [client]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** @throws Error without a `FaceSwapProvider` */
export function useProvided(): Provided {
  const provided = useContext(Context);
  if (!provided) throw new Error('There is no FaceSwapProvider.');
  return provided;
}

/** The client of the nearest `FaceSwapProvider`. @throws Error without one */
export function useFaceSwapClient(): FaceSwap {
  return useProvided().client;
}

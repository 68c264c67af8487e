import { createContext, type ReactElement, type ReactNode, useContext } from 'react';
import type { FaceSwap } from '../face-swap.js';

const Context = /* @__PURE__ */ createContext<FaceSwap | null>(null);

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
  return <Context.Provider value={client}>{children}</Context.Provider>;
}

/** The client of the nearest `FaceSwapProvider`. @throws Error without one */
export function useFaceSwapClient(): FaceSwap {
  const client = useContext(Context);
  if (!client) throw new Error('No FaceSwapProvider');
  return client;
}

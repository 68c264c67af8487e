import type { Connection } from '../connection.js';
import { useFaceSwapClient } from './context.js';
import { useReadable } from './use-readable.js';

/**
 * The state of the connection to the gateway.
 *
 *     {useConnection() === 'offline' && <p>You are offline.</p>}
 */
export function useConnection(): Connection {
  return useReadable(useFaceSwapClient().connection, 'idle');
}

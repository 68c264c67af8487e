import { useGraphiQL } from '@graphiql/react';
import { useSyncExternalStore } from 'react';
import type { GatewayPresence } from './gateway-presence.js';

/** Says below the answer that the gateway is gone, and when it is back. */
export function GatewayNotice({ presence }: { presence: GatewayPresence }) {
  const current = useSyncExternalStore(presence.subscribe, presence.current);
  const isSubscribed = useGraphiQL(({ subscription }) => subscription !== null);
  if (current === 'here') return null;
  return (
    <p role="status" className={`gateway-notice gateway-notice-${current}`}>
      {current === 'back' && 'The gateway is back.'}
      {current === 'gone' && (
        <>
          The gateway at {presence.address} does not answer.{' '}
          {isSubscribed
            ? 'The subscription goes on by itself when it is back.'
            : 'This page tells you when it is back.'}
        </>
      )}
    </p>
  );
}

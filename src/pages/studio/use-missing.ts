import { useConnection } from '@face-swap-gateway/client/react';
import { useEffect, useState } from 'react';

interface Missing {
  readonly has: (address: string) => boolean;
  readonly add: (address: string) => void;
}

/** Which addresses could not be loaded. They are tried again when a lost connection is back. */
export function useMissing(): Missing {
  const [addresses, setAddresses] = useState<readonly string[]>([]);
  const isLive = useConnection() === 'live';
  useEffect(() => {
    if (isLive) setAddresses((before) => (before.length === 0 ? before : []));
  }, [isLive]);
  return {
    has: (address) => addresses.includes(address),
    add: (address) => setAddresses((others) => [...others, address]),
  };
}

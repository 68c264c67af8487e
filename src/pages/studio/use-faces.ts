import type { FaceSwap, Rectangle } from '@face-swap-gateway/client';
import { useFaceSwapClient } from '@face-swap-gateway/client/react';
import { useEffect, useState } from 'react';

export type Faces = readonly Rectangle[];

/** Finds the faces in the picture at an address. @param address null to find none */
export function useFaces(address: string | null): Faces | null {
  const client = useFaceSwapClient();
  const [found, setFound] = useState<{ readonly address: string; readonly faces: Faces } | null>(null);
  useEffect(() => {
    if (address === null) return undefined;
    const controller = new AbortController();
    detect(client, address, controller.signal).then(
      (faces) => setFound({ address, faces }),
      // They are a help only; what is wrong with the picture is told elsewhere.
      () => {},
    );
    return () => controller.abort();
  }, [client, address]);
  return found !== null && found.address === address ? found.faces : null;
}

async function detect(client: FaceSwap, url: string, signal: AbortSignal): Promise<Faces> {
  const { frames } = await client.detectFaces({ url }, { signal });
  return frames[0]?.faces.map(({ region }) => region) ?? [];
}

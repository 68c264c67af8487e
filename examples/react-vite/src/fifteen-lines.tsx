import { createFaceSwap } from '@face-swap-gateway/client';
import { FaceSwapProvider, useFaceSwap } from '@face-swap-gateway/client/react';
import { createRoot } from 'react-dom/client';

function Swap() {
  const { submit, job, busy, error } = useFaceSwap();
  return (
    <form action={(f) => void submit({ source: f.get('face') as File, target: f.get('scene') as File })}>
      <input type="file" name="face" required /> <input type="file" name="scene" required />
      <button type="submit">Swap</button> {error ? String(error) : (job?.status ?? (busy && 'Sending'))}
      {job?.result && <img src={job.result.url} alt="The swap" />}
    </form>
  );
}

const root = createRoot(document.getElementById('root') as HTMLElement);
root.render(<FaceSwapProvider client={createFaceSwap({ url: '/graphql' })} children={<Swap />} />);

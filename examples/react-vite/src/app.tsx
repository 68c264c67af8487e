import { useConnection } from '@face-swap-gateway/client/react';
import { useState } from 'react';
import { JobList } from './job-list.js';
import { JobView } from './job-view.js';
import { SwapForm } from './swap-form.js';

export function App() {
  const connection = useConnection();
  const [shown, setShown] = useState<string | null>(null);
  return (
    <>
      <header>
        <h1>Face swaps</h1>
        {connection === 'offline' && <p role="status">You are offline. What you began goes on.</p>}
      </header>
      <SwapForm onAccepted={setShown} />
      {shown !== null && <JobView id={shown} onClose={() => setShown(null)} />}
      <JobList onChoose={setShown} />
    </>
  );
}

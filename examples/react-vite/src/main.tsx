import { createFaceSwap } from '@face-swap-gateway/client';
import { FaceSwapProvider } from '@face-swap-gateway/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';

// `scope` is who is signed in; here nobody signs in. With it, a submit survives a reload.
const client = createFaceSwap({ url: '/graphql', scope: 'guest' });

createRoot(document.getElementById('app') as HTMLElement).render(
  <StrictMode>
    <FaceSwapProvider client={client}>
      <App />
    </FaceSwapProvider>
  </StrictMode>,
);

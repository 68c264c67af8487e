/** The studio: swap faces in a browser, without code. */
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { readPageConfig } from './page-config.js';

const container = document.getElementById('studio');
if (container === null) throw new Error('index.html has no element #studio');

createRoot(container).render(<App config={readPageConfig(document)} />);

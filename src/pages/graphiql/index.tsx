/** The GraphiQL page of the gateway: reads the configuration that the server embedded, and shows an example. */
import { createRoot } from 'react-dom/client';
import { exampleDocument } from './example.js';
import { createGatewayFetcher } from './gateway-fetcher.js';
import { GatewayGraphiQL } from './gateway-graphiql.js';
import { GatewayPresence } from './gateway-presence.js';
import { linkedOperation } from './linked-operation.js';
import { registerMonacoWorkers } from './monaco-workers.js';
import { readPageConfig } from './page-config.js';
import { RecentSubmits } from './recent-submits.js';
import { renewStoredSamples } from './stored-samples.js';

registerMonacoWorkers();

const config = readPageConfig(document);
try {
  renewStoredSamples(localStorage, config);
} catch {
  // The browser stores nothing, so there is nothing to renew.
}

const container = document.getElementById('graphiql');
if (container === null) throw new Error('index.html has no element #graphiql');

// Relative, so that the page also works behind a proxy that mounts the gateway below a path.
const endpoint = new URL('graphql', document.baseURI);
const presence = new GatewayPresence(new URL('graphiql', document.baseURI));
const submits = new RecentSubmits();

createRoot(container).render(
  <GatewayGraphiQL
    fetcher={createGatewayFetcher(endpoint, presence, submits)}
    example={exampleDocument(config)}
    linked={linkedOperation(location)}
    presence={presence}
    submits={submits}
  />,
);

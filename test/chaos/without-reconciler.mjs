/** The gateway without its reconciler, which the chaos run has to notice. */
import { createApp } from '../../dist/app.js';
import { readConfig } from '../../dist/config/config.js';

const { config, secrets } = readConfig(process.env);
const app = createApp(config, secrets, { withoutReconciler: true });
process.on('SIGTERM', () => app.stop().then(() => process.exit(0)));
await app.start();

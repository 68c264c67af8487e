/** `npm run dev`: builds and starts the gateway, and does both again whenever a source changes. */
import { readCommandLine } from './command-line.mjs';

readCommandLine(
  'npm run dev',
  'npm run dev: starts the gateway, and builds and starts it again when a file in src changes. It takes no arguments; settings are those of npm start.',
);
process.argv.push('--watch', 'src', '--ext', 'ts,tsx,css,html', '--signal', 'SIGTERM');
process.argv.push('scripts/run.mjs', 'dist/index.js');
await import('nodemon/bin/nodemon.js');

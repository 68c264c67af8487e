/** `npm run sandbox`: the twin of Akool as a process of its own. Settings and endpoints: docs/sandbox.md. */
import { createSandbox } from './sandbox.js';
import { readSettings, SettingsError } from './settings.js';

/** How long after a signal another of the same may be its echo. */
const ECHO_MS = 2000;

try {
  const sandbox = createSandbox(readSettings(process.env));
  await sandbox.start();
  console.log(`The Akool sandbox listens on ${sandbox.url}

  AKOOL_BASE_URL=${sandbox.url}
  AKOOL_API_KEY=${sandbox.apiKey}
  AKOOL_CLIENT_ID=${sandbox.clientId}

  pictures to start with   ${sandbox.url}/samples/source-face.png
                           ${sandbox.url}/samples/target-face.png
                           ${sandbox.url}/samples/two-faces.png
  what it knows            ${sandbox.url}/sandbox/state
Ctrl-C stops it.`);
  let stoppingSince: number | null = null;
  const stop = () => {
    // npm passes a signal on to those who had it already.
    if (stoppingSince !== null && performance.now() - stoppingSince >= ECHO_MS) process.exit(130);
    stoppingSince ??= performance.now();
    void sandbox.stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
} catch (error) {
  console.error(
    error instanceof SettingsError ? error.message : `The sandbox could not start: ${reason(error)}`,
  );
  process.exitCode = 1;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

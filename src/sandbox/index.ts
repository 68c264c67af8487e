/** `npm run sandbox`: the sandbox as a separate process. Settings and endpoints: docs/sandbox.md. */
import { createSandbox } from './sandbox.js';
import { readSettings, SETTING_NAMES, SettingsError } from './settings.js';
import { unknownNames, warningOf } from './unknown-names.js';

/** Within this time after a signal, the same signal may be its echo. */
const ECHO_MS = 2000;

for (const unknown of unknownNames(process.env, SETTING_NAMES, /^SANDBOX_/))
  console.error(warningOf(unknown));
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
    // npm forwards signals to processes that have already received them.
    if (stoppingSince !== null && performance.now() - stoppingSince >= ECHO_MS) process.exit(130);
    stoppingSince ??= performance.now();
    void sandbox.stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
} catch (error) {
  console.error(error instanceof SettingsError ? error.message : `The sandbox can't start: ${reason(error)}`);
  process.exitCode = 1;
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isAboutAddress = 'syscall' in error && /^(listen|getaddrinfo)$/.test(String(error.syscall));
  return isAboutAddress ? `${error.message}; see SANDBOX_HOST and SANDBOX_PORT` : error.message;
}

/** The process: environment → app → signals → exit. */
import { existsSync } from 'node:fs';
import { createApp, type Running } from './app.js';
import { ConfigError, readConfig } from './config.js';
import { StartError } from './errors.js';

async function main(): Promise<void> {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const { config, secrets } = readConfig(process.env);
  const app = createApp(config, secrets);

  let exitCode = 0;
  const stop = (): void => {
    app.stop().then(
      () => process.exit(exitCode),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  // A second signal is for those who can't wait; what is on disk is safe either way.
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(130);
    stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // A state nobody thought of is not one to go on from: everything that matters is on disk.
  process.on('uncaughtException', (error) => {
    console.error(error);
    exitCode = 1;
    stop();
  });

  greet(await app.start());
}

function greet({ url, sandbox }: Running): void {
  console.log(`\n  Face-swap gateway is ready.\n`);
  console.log(`  GraphiQL   ${url}/graphiql`);
  console.log(`  GraphQL    ${url}/graphql   (HTTP and WebSocket)`);
  if (sandbox === null) return;
  console.log(`  Sandbox    ${sandbox.url}   (no AKOOL_API_KEY is set, so this twin of Akool is used)\n`);
  console.log(`  Paste this into GraphiQL, or run it:\n`);
  console.log(`    mutation {
      submitFaceSwap(input: {
        sourceImage: [{ path: "${sandbox.url}/samples/source-face.png" }]
        targetImage: [{ path: "${sandbox.url}/samples/target-face.png" }]
      }) { job { id status } }
    }\n`);
  console.log('  Ctrl-C stops it.\n');
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) for (const line of error.lines) console.error(line);
  else if (error instanceof StartError) console.error(error.message);
  else if (isListenError(error)) console.error(`Can't listen: ${error.message}; choose another HOST or PORT`);
  else console.error(error);
  process.exit(1);
});

function isListenError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen';
}

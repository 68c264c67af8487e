/** `npm run demo`: one job from the submit to its picture, followed in the terminal. */
import { constants } from 'node:os';
import { loadEnvFile } from '../env-file.js';
import { reasonOf, StartError } from '../errors.js';
import { endNow } from '../process-end.js';
import { onStopSignals, type StopSignal } from '../stop-signals.js';
import { type DemoJob, follow, isThere, submit } from './gateway-client.js';
import { DemoError, type DemoOptions, readOptions, USAGE } from './options.js';
import type { OwnGateway } from './own-gateway.js';
import { picturesOf, sideOf } from './pictures.js';
import { ProgressLine } from './progress-line.js';
import { fileNameOf, savePicture } from './save-picture.js';
import { UploadLine } from './upload-line.js';

/** Set as soon as it begins to start, so that an early Ctrl-C stops it too. */
let own: Promise<OwnGateway> | null = null;
let ending: Promise<never> | null = null;
const progress = new ProgressLine(process.stdout);
let uploading: UploadLine | null = null;

async function main(): Promise<number> {
  loadEnvFile();
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === null) {
    console.log(USAGE);
    return 0;
  }
  // Before anything is started or sent.
  const sides = { source: await sideOf(options.source), target: await sideOf(options.target) };
  const gateway = { url: await findGateway(options), token: options.token };
  const pictures = await picturesOf(gateway, sides, (file) => {
    uploading = new UploadLine(process.stdout, file);
    return uploading;
  });

  let job = await submit(gateway, pictures);
  console.log(`Job      ${job.id}`);
  progress.show(job);
  for await (const newer of isEnded(job) ? [] : follow(gateway, job)) {
    job = newer;
    progress.show(job);
  }
  progress.stop();
  return await tell(job, options);
}

async function findGateway({ url, isChosen }: DemoOptions): Promise<string> {
  if (await isThere(url)) {
    console.log(`Gateway  ${url}`);
    return url;
  }
  if (isChosen) {
    throw new DemoError(
      `No gateway answers at ${url}. Start one with "npm start", or leave the address out.`,
    );
  }
  // Loaded only here: if a gateway is already running, the demo is just a client.
  const { startOwnGateway } = await import('./own-gateway.js');
  own = startOwnGateway();
  const { url: ownUrl } = await own;
  console.log(`Gateway  ${ownUrl}   (none answers at ${url}, so this demo runs its own, with the sandbox)`);
  return ownUrl;
}

async function tell({ id, status, result, error }: DemoJob, { folder }: DemoOptions): Promise<number> {
  if (status === 'COMPLETED' && result !== null) {
    if (own === null) {
      console.log(`Result   ${result.url}`);
    } else {
      const file = await savePicture(result.url, folder, fileNameOf(id));
      console.log(`Result   ${file}   (saved, because the demo's own gateway ends now)`);
    }
    return 0;
  }
  if (error !== null) {
    console.error(`${error.code}: ${error.message}`);
    if (error.retryable) console.error('The same input may succeed when it is submitted again.');
  } else {
    console.error(`The job ended ${isEnded({ status }) ? 'as' : 'while it was still'} ${status}.`);
  }
  return 1;
}

function isEnded({ status }: Pick<DemoJob, 'status'>): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELED';
}

/** The first call decides the exit code; failures that the end causes are not reported. */
function end(code: number): Promise<never> {
  ending ??= stopAll().then(() => process.exit(code));
  return ending;
}

async function stopAll(): Promise<void> {
  stopLines();
  // `main` reports why it failed to start.
  const gateway = await own?.catch(() => null);
  await gateway?.stop();
}

function stopLines(): void {
  uploading?.stop();
  progress.stop();
}

function fail(error: unknown): Promise<never> {
  if (ending === null) {
    stopLines();
    console.error(
      error instanceof DemoError || error instanceof StartError ? error.message : reasonOf(error),
    );
  }
  return end(1);
}

/** The exit code that shells report for a process ended by a signal. */
const codeOf = (signal: StopSignal): number => 128 + constants.signals[signal];
onStopSignals({
  stop: (signal) => void end(codeOf(signal)),
  endNow: (signal) => void endNow(codeOf(signal)),
});
main().then(end).catch(fail);

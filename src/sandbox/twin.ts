/** The parts of a running sandbox that its routes share. */
import type { Logger } from 'pino';
import { Courier } from './courier.js';
import { Credentials } from './credentials.js';
import { Faults } from './faults.js';
import { Gates } from './gate.js';
import { Generation } from './generation.js';
import type { SandboxJob } from './job.js';
import type { Journal } from './journal.js';
import { Ledger } from './ledger.js';
import type { Prices } from './price.js';
import { Results } from './results.js';
import { SANDBOX_API_KEY, SANDBOX_CLIENT_ID, type SandboxOptions } from './sandbox-options.js';
import { Timers } from './timers.js';
import { Uploads } from './uploads.js';

/** Calls received so far, including refused ones. */
export interface RequestCounts {
  pro: number;
  plus: number;
  results: number;
  delete: number;
  credit: number;
  token: number;
  detect: number;
  media: number;
}

export interface Twin {
  readonly queueMs: number;
  readonly processMs: number;
  readonly maxConcurrency: number;
  readonly prices: Prices;
  readonly credentials: Credentials;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly gates: Gates;
  readonly generation: Generation;
  readonly courier: Courier;
  readonly uploads: Uploads;
  readonly results: Results;
  /** For latency. */
  readonly timers: Timers;
  readonly requests: RequestCounts;
  /** Returns the URL of something that the sandbox serves, from its path. */
  readonly address: (path: string) => string;
  /** Returns the URL to report for a job's result. */
  readonly resultUrl: (job: SandboxJob) => string;
  /** Restores the state of the first start, except the port. */
  readonly reset: () => void;
  readonly expireTokens: () => void;
}

/** What the parts need from the sandbox that owns them. */
interface TwinOwner {
  readonly journal: Journal | undefined;
  readonly logger: Logger;
  readonly url: () => string;
  readonly reset: () => void;
  readonly expireTokens: () => void;
}

/** @throws FaultPlanError */
export function createTwin(options: SandboxOptions, owner: TwinOwner): Twin {
  const {
    maxConcurrency = 3,
    credit = 4000,
    imagePrice = 4,
    videoPrice = 10,
    queueMs = 400,
    processMs = 1200,
    webhookRetryMs = 1000,
  } = options;
  const address = (path: string) => `${options.publicUrl?.replace(/\/+$/, '') ?? owner.url()}${path}`;
  const resultUrl = ({ id, media, oddAddress }: SandboxJob) =>
    oddAddress ?? address(`/results/${id}.${media === 'video' ? 'mp4' : 'png'}`);
  const credentials = new Credentials(
    options.clientId ?? SANDBOX_CLIENT_ID,
    options.apiKey ?? SANDBOX_API_KEY,
  );
  const ledger = new Ledger({ credit, maxConcurrency, journal: owner.journal });
  const faults = new Faults(options.faults ?? {}, options.seed ?? 1);
  const gates = new Gates();
  const { logger } = owner;
  const courier = new Courier({
    ledger,
    faults,
    gates,
    credentials,
    resultUrl,
    logger,
    retryMs: webhookRetryMs,
  });
  const uploads = new Uploads(options.gatewayUrl === undefined ? null : { url: options.gatewayUrl });
  const results = new Results({ ledger, uploads, logger });
  return {
    queueMs,
    processMs,
    maxConcurrency,
    prices: { image: imagePrice, video: videoPrice },
    credentials,
    ledger,
    faults,
    gates,
    courier,
    uploads,
    results,
    generation: new Generation(ledger, courier, results),
    timers: new Timers(),
    requests: noRequests(),
    address,
    resultUrl,
    reset: owner.reset,
    expireTokens: owner.expireTokens,
  };
}

export function noRequests(): RequestCounts {
  return { pro: 0, plus: 0, results: 0, delete: 0, credit: 0, token: 0, detect: 0, media: 0 };
}

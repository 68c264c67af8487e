/** The settings of a sandbox, with their units and defaults. */
import type { Logger } from 'pino';
import type { FaultPlan } from './fault-plan.js';

export const SANDBOX_API_KEY = 'sandbox-key-24-character';
export const SANDBOX_CLIENT_ID = 'sandbox-client-id-0001';

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: a free one. A sandbox that is started again keeps the port of its first start. */
  port?: number;
  /** How others reach it, for the addresses of results. Default: http://host:port. */
  publicUrl?: string;
  /** The clientSecret too: 16, 24 or 32 bytes. Default {@link SANDBOX_API_KEY}. */
  apiKey?: string;
  /** Default {@link SANDBOX_CLIENT_ID}. */
  clientId?: string;
  /** Accepted and unfinished jobs; a submit over it is answered 1005. Default 2. */
  maxConcurrency?: number;
  /** The balance at the start. Default 1000. */
  credit?: number;
  /** What Pro costs for each target image, and Plus for a picture, in credits. Default 1. */
  imagePrice?: number;
  /** What Plus costs for a video, in credits. Default 1. */
  videoPrice?: number;
  /** How long status 1 lasts. Default 400. */
  queueMs?: number;
  /** How long status 2 lasts. Default 1200. */
  processMs?: number;
  /** Delay before a webhook that was not answered 200 is sent again; doubles each time. Default 1000. */
  webhookRetryMs?: number;
  /** Where jobs, bills and undelivered webhooks are kept over the end of the process. Default: nowhere. */
  journalFile?: string;
  /** Default: none. */
  faults?: FaultPlan;
  /** For the dice of `faults.rates`. Default 1. */
  seed?: number;
  /** Default: silent. */
  logger?: Logger;
}

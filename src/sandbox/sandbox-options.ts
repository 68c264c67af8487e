/** The settings of a sandbox, with their units and defaults. */
import type { Logger } from 'pino';
import type { FaultPlan } from './fault-plan.js';

export const SANDBOX_API_KEY = 'sandbox-key-24-character';
export const SANDBOX_CLIENT_ID = 'sandbox-client-id-0001';

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: a free port. A restarted sandbox keeps the port of its first start. */
  port?: number;
  /** The base URL at which others reach it, used in result URLs. Default: http://host:port. */
  publicUrl?: string;
  /** The base URL of the gateway whose uploads results show; others are never fetched. Default: none. */
  gatewayUrl?: string;
  /** Also the clientSecret: 16, 24 or 32 bytes. Default {@link SANDBOX_API_KEY}. */
  apiKey?: string;
  /** Default {@link SANDBOX_CLIENT_ID}. */
  clientId?: string;
  /** Limit of accepted, unfinished jobs; a submit beyond it gets 1005. Default 3. */
  maxConcurrency?: number;
  /** The balance at the start. Default 4000. */
  credit?: number;
  /** Price of each target image of Pro, and of a picture of Plus, in credits. Default 4. */
  imagePrice?: number;
  /** Price of each begun 10 seconds of a video of Plus, in credits. Default 10. */
  videoPrice?: number;
  /** How long status 1 lasts. Default 400. */
  queueMs?: number;
  /** How long status 2 lasts. Default 1200. */
  processMs?: number;
  /** Delay before a callback not answered with 200 is retried; doubles each time. Default 1000. */
  webhookRetryMs?: number;
  /** File in which jobs, bills and undelivered callbacks survive the process. Default: none. */
  journalFile?: string;
  /** Default: none. */
  faults?: FaultPlan;
  /** Seed of the random generators for `faults.rates`. Default 1. */
  seed?: number;
  /** Default: silent. */
  logger?: Logger;
}

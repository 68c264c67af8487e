/** Reads the environment of `npm run sandbox` into sandbox options. */
import { type FaultPlan, FaultPlanError, readFaultPlan } from './fault-plan.js';
import type { SandboxOptions } from './sandbox-options.js';
import { webAddress } from './web-address.js';

/** Every variable that is read here; docs/sandbox.md describes them. */
export const SETTING_NAMES = [
  'SANDBOX_PORT',
  'SANDBOX_SEED',
  'SANDBOX_MAX_CONCURRENCY',
  'SANDBOX_QUEUE_MS',
  'SANDBOX_PROCESS_MS',
  'SANDBOX_CREDIT',
  'SANDBOX_IMAGE_PRICE',
  'SANDBOX_VIDEO_PRICE',
  'SANDBOX_HOST',
  'SANDBOX_PUBLIC_URL',
  'SANDBOX_CLIENT_ID',
  'SANDBOX_API_KEY',
  'SANDBOX_JOURNAL',
  'SANDBOX_FAULTS',
  'SANDBOX_GATEWAY_URL',
] as const;
type SettingName = (typeof SETTING_NAMES)[number];

/** Invalid settings, one line each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/** Empty variables count as unset. @throws SettingsError naming every invalid one */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): SandboxOptions {
  const mistakes: string[] = [];
  const options: SandboxOptions = { port: 4001 };
  const text = (name: SettingName) => environment[name] || undefined;

  function whole(name: SettingName, least: number, most: number): number | undefined {
    const value = text(name);
    if (value === undefined) return undefined;
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    mistakes.push(`${name} is ${JSON.stringify(value)}; it must be an integer from ${least} to ${most}`);
    return undefined;
  }

  const numbers = {
    port: whole('SANDBOX_PORT', 0, 65_535),
    seed: whole('SANDBOX_SEED', 0, 2 ** 32 - 1),
    maxConcurrency: whole('SANDBOX_MAX_CONCURRENCY', 1, 1_000_000),
    queueMs: whole('SANDBOX_QUEUE_MS', 0, DAY_MS),
    processMs: whole('SANDBOX_PROCESS_MS', 0, DAY_MS),
    credit: whole('SANDBOX_CREDIT', 0, 1_000_000_000),
    imagePrice: whole('SANDBOX_IMAGE_PRICE', 0, 1_000_000),
    videoPrice: whole('SANDBOX_VIDEO_PRICE', 0, 1_000_000),
  };
  const texts = {
    host: text('SANDBOX_HOST'),
    publicUrl: text('SANDBOX_PUBLIC_URL'),
    gatewayUrl: text('SANDBOX_GATEWAY_URL'),
    clientId: text('SANDBOX_CLIENT_ID'),
    apiKey: text('SANDBOX_API_KEY'),
    journalFile: text('SANDBOX_JOURNAL'),
  };
  if (texts.apiKey !== undefined && ![16, 24, 32].includes(Buffer.byteLength(texts.apiKey)))
    mistakes.push('SANDBOX_API_KEY must be 16, 24 or 32 bytes long: it is an AES key');
  for (const [name, url] of [
    ['SANDBOX_PUBLIC_URL', texts.publicUrl],
    ['SANDBOX_GATEWAY_URL', texts.gatewayUrl],
  ] as const)
    if (url !== undefined && webAddress(url) === null)
      mistakes.push(`${name} is ${JSON.stringify(url)}; it must be an http or https URL`);
  const faults = readFaults(text('SANDBOX_FAULTS'), mistakes);

  if (mistakes.length > 0) throw new SettingsError(mistakes);
  for (const [name, value] of Object.entries({ ...numbers, ...texts, faults }))
    if (value !== undefined) Object.assign(options, { [name]: value });
  return options;
}

const DAY_MS = 24 * 60 * 60 * 1000;

function readFaults(json: string | undefined, mistakes: string[]): FaultPlan | undefined {
  if (json === undefined) return undefined;
  try {
    return readFaultPlan(JSON.parse(json));
  } catch (error) {
    if (error instanceof FaultPlanError)
      mistakes.push(...error.mistakes.map((line) => `SANDBOX_FAULTS: ${line}`));
    else mistakes.push('SANDBOX_FAULTS must be JSON, like {"rates":{"webhook":{"drop":0.2}}}');
    return undefined;
  }
}

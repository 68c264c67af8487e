import type { Sandbox } from '../../src/sandbox/sandbox.js';

/** The settings with which a gateway uses this sandbox instead of Akool. */
export function akoolSettings({ url, apiKey, clientId }: Pick<Sandbox, 'url' | 'apiKey' | 'clientId'>) {
  return { AKOOL_BASE_URL: url, AKOOL_API_KEY: apiKey, AKOOL_CLIENT_ID: clientId };
}

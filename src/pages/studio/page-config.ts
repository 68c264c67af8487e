/** The configuration that the server embeds in the page, in `<script type="application/json" id="gateway">`. */
export interface PageConfig {
  /** Whether the gateway wants credentials. */
  readonly signIn: boolean;
  /** Whether results are simulated. */
  readonly isSandbox: boolean;
  /** The sandbox's pictures; null with the real Akool, and where this browser can't load them. */
  readonly samples: { readonly source: string; readonly target: string } | null;
  /** Whether pages of this machine may call the gateway though `CORS_ORIGINS` does not name them. */
  readonly opensToThisMachine: boolean;
  /** False where only trusted documents run. */
  readonly takesAnyDocument: boolean;
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
}

export function readPageConfig(page: Document): PageConfig {
  const config: unknown = JSON.parse(page.getElementById('gateway')?.textContent ?? 'null');
  if (typeof config !== 'object' || config === null || !('signIn' in config) || !('samples' in config))
    throw new Error('The page lacks its configuration: signIn, samples');
  const { samples, ...others } = config as PageConfig;
  return { ...others, samples: samples !== null && canLoad(samples.source) ? samples : null };
}

/** A sandbox on the gateway's machine can't be reached from another one, such as a phone. */
function canLoad(address: string): boolean {
  return isThisMachine(location.hostname) || !isThisMachine(new URL(address).hostname);
}

function isThisMachine(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}

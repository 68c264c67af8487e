/** The configuration that the server embeds in the page, in `<script type="application/json" id="gateway">`. */
export interface PageConfig {
  /** Whether the gateway wants credentials. */
  readonly signIn: boolean;
  /** The sandbox's pictures; null with the real Akool. */
  readonly samples: { readonly source: string; readonly target: string } | null;
  /** False where only trusted documents run. */
  readonly takesAnyDocument: boolean;
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
}

export function readPageConfig(page: Document): PageConfig {
  const config: unknown = JSON.parse(page.getElementById('gateway')?.textContent ?? 'null');
  if (typeof config !== 'object' || config === null || !('signIn' in config) || !('samples' in config))
    throw new Error('The page lacks its configuration: signIn, samples');
  return config as PageConfig;
}

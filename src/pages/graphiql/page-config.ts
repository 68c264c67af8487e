/** The configuration that the server embeds in the page, in `<script type="application/json" id="gateway">`. */
export interface PageConfig {
  readonly sampleSource: string;
  readonly sampleTarget: string;
}

export function readPageConfig(page: Document): PageConfig {
  const config: unknown = JSON.parse(page.getElementById('gateway')?.textContent ?? '{}');
  if (!isPageConfig(config)) throw new Error('The page lacks its configuration: sampleSource, sampleTarget');
  return config;
}

function isPageConfig(value: unknown): value is PageConfig {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sampleSource' in value &&
    typeof value.sampleSource === 'string' &&
    'sampleTarget' in value &&
    typeof value.sampleTarget === 'string'
  );
}

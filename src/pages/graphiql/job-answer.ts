/** Reads the text of the response editor: which results can be shown. */

/** Returns every `result.url` in the answer that a browser may open, each once, in order. */
export function resultUrls(answer: string | null | undefined): string[] {
  const urls = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isObject(value)) return;
    const { result } = value;
    if (isObject(result) && typeof result['url'] === 'string' && isWebUrl(result['url']))
      urls.add(result['url']);
    Object.values(value).forEach(visit);
  };
  visit(objectIn(answer)['data']);
  return [...urls];
}

/** Whether the path of this URL names a video. */
export function isVideo(url: string): boolean {
  return /\.(?:mp4|mov|m4v|webm)$/i.test(new URL(url).pathname);
}

function objectIn(text: string | null | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWebUrl(url: string): boolean {
  return URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
}

/** Reads the text of the response editor: which job was submitted, and which pictures can be shown. */

/** Returns the id of the job that a submit mutation has just created. */
export function submittedJobId(answer: string | null | undefined): string | undefined {
  const { data } = objectIn(answer);
  for (const payload of Object.values(isObject(data) ? data : {})) {
    if (isObject(payload) && isObject(payload['job']) && typeof payload['job']['id'] === 'string') {
      return payload['job']['id'];
    }
  }
  return undefined;
}

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

/** Returns the variables with `name` set; undefined if the user has edited them and they do not contain it. */
export function withVariable(variables: string, name: string, value: string): string | undefined {
  const present = variables.trim() === '' ? { [name]: '' } : objectIn(variables);
  return name in present ? JSON.stringify({ ...present, [name]: value }, null, 2) : undefined;
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

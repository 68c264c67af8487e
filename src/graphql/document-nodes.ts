/** What a parsed document takes in memory. */
import { type DocumentNode, visit } from 'graphql';

/** Measured: 165, over documents of many kinds. */
export const BYTES_PER_NODE = 200;
/** So many of the text's characters are counted as a node. */
const CHARACTERS_PER_NODE = 100;

/** Its nodes, and what counts like one: a token that they hold on to (comments are among them), a piece of its text. */
export function nodesOf(document: DocumentNode): number {
  let nodes = Math.ceil(textOf(document).length / CHARACTERS_PER_NODE);
  visit(document, {
    enter: () => {
      nodes += 1;
    },
  });
  for (let token = document.loc?.startToken ?? null; token !== null; token = token.next) nodes += 1;
  return nodes;
}

/** What it was parsed from. */
export function textOf({ loc }: DocumentNode): string {
  return loc?.source.body ?? '';
}

/** What a parsed document takes in memory. */
import { type DocumentNode, visit } from 'graphql';
import { DocumentSource } from './document-source.js';

/** Measured: 165, over documents of many kinds. */
const BYTES_PER_NODE = 200;
/** So many of the text's characters are counted as a node. */
const CHARACTERS_PER_NODE = 100;

const counted = new WeakMap<DocumentNode, number>();

/** Its nodes, and what counts like one: a token that they hold on to (comments are among them), a piece of its text. */
export function nodesOf(document: DocumentNode): number {
  const nodes = counted.get(document) ?? count(document);
  counted.set(document, nodes);
  return nodes;
}

function count(document: DocumentNode): number {
  let nodes = Math.ceil(textOf(document).length / CHARACTERS_PER_NODE);
  visit(document, {
    enter: () => {
      nodes += 1;
    },
  });
  for (let token = document.loc?.startToken ?? null; token !== null; token = token.next) nodes += 1;
  return nodes;
}

/** About as many as it takes. */
export function bytesOf(document: DocumentNode): number {
  return nodesOf(document) * BYTES_PER_NODE;
}

/** What it was parsed from. */
export function textOf({ loc }: DocumentNode): string {
  return loc?.source instanceof DocumentSource ? loc.source.text : (loc?.source.body ?? '');
}

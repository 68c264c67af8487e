/** Estimates the memory of a parsed document. */
import { type DocumentNode, visit } from 'graphql';
import { DocumentSource } from './document-source.js';

/** Measured: 165, for many kinds of documents. */
const BYTES_PER_NODE = 200;
/** This many characters of the text count as one node. */
const CHARACTERS_PER_NODE = 100;

const counted = new WeakMap<DocumentNode, number>();

/** Counts the nodes, plus what takes as much memory: the tokens they refer to (including comments) and the text. */
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

/** The approximate size in memory. */
export function bytesOf(document: DocumentNode): number {
  return nodesOf(document) * BYTES_PER_NODE;
}

/** Returns the text that the document was parsed from. */
export function textOf({ loc }: DocumentNode): string {
  return loc?.source instanceof DocumentSource ? loc.source.text : (loc?.source.body ?? '');
}

/** Writes dist/documents.json, for gateways that run only trusted documents: each document that is sent, by its SHA-256. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import * as documents from '../dist/documents.js';

const texts = Object.values(documents).flatMap((one) => (typeof one === 'string' ? one : Object.values(one)));
const idOf = (text) => createHash('sha256').update(text).digest('hex');
writeFileSync(
  new URL('../dist/documents.json', import.meta.url),
  `${JSON.stringify(Object.fromEntries(texts.map((text) => [idOf(text), text])), null, 2)}\n`,
);

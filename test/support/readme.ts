/** The examples of README.md, as they stand there. */
import { readFileSync } from 'node:fs';
import type { TestGateway } from './harness.js';

export interface Example {
  readonly language: string;
  /** From the end of the previous example to the beginning of this one. */
  readonly introduction: string;
  readonly text: string;
}

export const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

export const EXAMPLES: readonly Example[] = [
  ...README.matchAll(/([\s\S]*?)^```(\w*)\n([\s\S]*?)^```$/gm),
].map(([, introduction = '', language = '', text = '']) => ({ introduction, language, text }));

/**
 * The only example in this language that contains `part`.
 *
 * @throws Error if there is none, or more than one
 */
export function exampleWith(language: string, part: string): string {
  const found = EXAMPLES.filter((one) => one.language === language && one.text.includes(part));
  if (found.length !== 1)
    throw new Error(`README.md has ${found.length} examples (${language}) with ${part}`);
  return found[0]?.text ?? '';
}

/** The text with the default addresses of gateway and sandbox replaced by those of a test's. */
export function addressedTo(gateway: TestGateway, text: string): string {
  return text
    .replaceAll('127.0.0.1:4000', new URL(gateway.url).host)
    .replaceAll('127.0.0.1:4001', new URL(gateway.sandbox.url).host);
}

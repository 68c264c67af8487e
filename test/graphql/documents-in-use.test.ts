/** Documents of running operations: each is stored once, however many use it, up to a limit of memory. */
import { type DocumentNode, parse } from 'graphql';
import { expect, test } from 'vitest';
import { bytesOf } from '../../src/graphql/document-nodes.js';
import { DocumentsInUse } from '../../src/graphql/documents-in-use.js';

const MIB = 1024 * 1024;
const caller = (tenant: string) => ({ tenant, onlyJob: null, expiresAt: null });

/** Each document takes 2 MB. */
const large = (nth: number): DocumentNode => parse(`query Q${nth} { a } ${'#\n'.repeat(9900)}`);

test('a document is found, and used in place of others with its text, until the last use has ended', () => {
  const documents = new DocumentsInUse();
  const text = '{ jobs(first: 10) { totalCount } }';
  const first = documents.begin(caller('acme'), parse(text));
  const second = documents.begin(caller('globex'), parse(text));
  expect(second.document).toBe(first.document);
  expect([first.cost, second.cost]).toEqual([11, 11]);
  first.end();
  first.end();
  expect(documents.find(text)).toBe(first.document);
  second.end();
  expect(documents.find(text)).toBeUndefined();
});

test('a caller has room for 32 MiB of documents, and again when some are no longer in use; others have theirs', () => {
  const documents = new DocumentsInUse();
  const uses: { readonly end: () => void }[] = [];
  let bytes = 0;
  const fill = () => {
    for (;;) {
      const document = large(uses.length);
      uses.push(documents.begin(caller('acme'), document));
      bytes += bytesOf(document);
    }
  };
  expect(fill).toThrow(
    expect.objectContaining({
      code: 'RATE_LIMITED',
      message: expect.stringContaining('Too many large documents'),
      extensions: { retryAfterSeconds: 1 },
    }),
  );
  expect([bytes > 29 * MIB, bytes <= 32 * MIB]).toEqual([true, true]);
  documents.begin(caller('globex'), large(1000));
  // A document already in use takes no further room.
  documents.begin(caller('acme'), large(0)).end();
  uses[0]?.end();
  uses.push(documents.begin(caller('acme'), large(2000)));
  expect(fill).toThrow();
});

import { buildSchema, type OperationDefinitionNode, parse } from 'graphql';
import { expect, test } from 'vitest';
import { variablesOf } from '../../src/graphql/variables.js';

const schema = buildSchema(`
  scalar JSON
  input Area { x: Int, corner: Corner }
  input Corner { y: Int }
  type Query { find(areas: [Area!]!, area: Area, any: JSON, id: ID): Int }
`);

function variables(declared: string, given: unknown) {
  const [operation] = parse(`query (${declared}) { __typename }`).definitions;
  return variablesOf(schema, operation as OperationDefinitionNode, given);
}

const corner = { __typename: 'Corner', y: 1 };

test.each<[string, string, unknown, unknown]>([
  ['only what is declared', '$id: ID', { id: 'a', other: 1 }, { id: 'a' }],
  ['nothing that is inherited', '$toString: ID', {}, {}],
  ['no type names of input objects', '$area: Area!', { area: corner }, { area: { y: 1 } }],
  [
    'none inside lists and objects',
    '$areas: [Area!]!',
    { areas: [{ x: 1, __typename: 'Area', corner }, null] },
    { areas: [{ x: 1, corner: { y: 1 } }, null] },
  ],
  ['none of a list of one', '$areas: [Area!]!', { areas: { __typename: 'Area' } }, { areas: {} }],
  ['the JSON of callers as it is', '$any: JSON', { any: corner }, { any: corner }],
  [
    'what does not exist',
    '$area: Area, $no: No',
    { area: { z: corner }, no: corner },
    { area: { z: corner }, no: corner },
  ],
  ['a list where none belongs', '$area: Area', { area: [corner] }, { area: [corner] }],
  ['no variables', '$id: ID', null, null],
])('of the variables are kept: %s', (_what, declared, given, kept) => {
  expect(variables(declared, given)).toEqual(kept);
});

test('a variable named like the prototype is one like others', () => {
  const kept = variables('$__proto__: ID', JSON.parse('{"__proto__": "a"}'));
  expect(Object.entries(kept ?? {})).toEqual([['__proto__', 'a']]);
});

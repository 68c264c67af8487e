/** `possibleTypes`, `typePolicies` and the fragments, compared with schema.graphql. */
import { readFileSync } from 'node:fs';
import { gql, InMemoryCache } from '@apollo/client';
import {
  buildSchema,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isAbstractType,
  isListType,
  isObjectType,
  NoUnusedFragmentsRule,
  specifiedRules,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { JOB_FIELDS, possibleTypes, typePolicies } from '../src/apollo/index.js';

const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));

/** Types that `Query` leads to; answers to mutations and subscriptions do not stay in the cache. */
function cachedTypes(): readonly GraphQLObjectType[] {
  const found = new Set<GraphQLObjectType>();
  const visit = (name: string): void => {
    const type = schema.getType(name);
    if (isAbstractType(type)) for (const one of schema.getPossibleTypes(type)) visit(one.name);
    if (!isObjectType(type) || found.has(type)) return;
    found.add(type);
    for (const field of Object.values(type.getFields())) visit(getNamedType(field.type).name);
  };
  visit('Query');
  return [...found];
}

/** Fields of objects that no id tells apart, each with whether it is a list. */
const unidentified = cachedTypes().flatMap((type) =>
  Object.values(type.getFields()).flatMap((field) => {
    const target = getNamedType(field.type);
    if (!isObjectType(target) || 'id' in target.getFields()) return [];
    const isList = isListType(getNullableType(field.type));
    return [{ type, field: field.name, target: target.name, isList }];
  }),
);

function policyOf(type: GraphQLObjectType, field: string) {
  const names = [type.name, ...type.getInterfaces().map(({ name }) => name)];
  return names.map((name) => typePolicies[name]?.fields?.[field]).find((policy) => policy !== undefined);
}

describe('possibleTypes', () => {
  it('names every interface and union with its types', () => {
    const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType);
    const inSchema = abstract
      .filter(({ name }) => !name.startsWith('__'))
      .map((type) => [
        type.name,
        schema
          .getPossibleTypes(type)
          .map(({ name }) => name)
          .sort(),
      ]);
    expect(Object.fromEntries(inSchema)).toEqual(possibleTypes);
  });
});

describe('typePolicies', () => {
  it('name only what there is', () => {
    for (const [name, { fields = {} }] of Object.entries(typePolicies)) {
      const type = schema.getType(name);
      if (!isObjectType(type) && !isAbstractType(type)) throw new Error(`There is no type ${name}`);
      const known = 'getFields' in type ? Object.keys(type.getFields()) : [];
      expect(known).toEqual(expect.arrayContaining(Object.keys(fields)));
    }
  });

  it('merge every object that has no id, so that no query erases what another has selected', () => {
    expect(unidentified.length).toBeGreaterThan(15);
    const replaced = unidentified.filter(({ type, field, target, isList }) => {
      const { merge, keyFields } = typePolicies[target] ?? {};
      const policy = policyOf(type, field);
      const isMerged = typeof policy === 'object' && policy.merge !== undefined;
      // Connections and their pages are merged as a whole.
      const isOfConnection = /(Connection|Edge)$/.test(type.name);
      return !isMerged && !isOfConnection && (isList || (merge !== true && keyFields === undefined));
    });
    expect(replaced.map(({ type, field }) => `${type.name}.${field}`)).toEqual([]);
  });

  it('keep the entries of lists together with their other fields', () => {
    const cache = new InMemoryCache({ possibleTypes, typePolicies });
    const write = (fields: string, history: readonly object[]): void => {
      const data = { job: { __typename: 'FaceSwapJob', id: '1', history } };
      cache.writeQuery({ query: gql`{ job(id: "1") { id history { ${fields} } } }`, data });
    };
    const update = { __typename: 'JobUpdate' };
    write('status', [
      { ...update, status: 'WAITING' },
      { ...update, status: 'CANCELED' },
    ]);
    write('version', [
      { ...update, version: 1 },
      { ...update, version: 2 },
    ]);
    const query = gql`{ job(id: "1") { id history { version status } } }`;
    expect(cache.readQuery({ query })).toMatchObject({
      job: {
        history: [
          { version: 1, status: 'WAITING' },
          { version: 2, status: 'CANCELED' },
        ],
      },
    });
  });
});

describe('the fragments', () => {
  it('select only what there is', () => {
    const rules = specifiedRules.filter((rule) => rule !== NoUnusedFragmentsRule);
    expect(validate(schema, JOB_FIELDS, rules)).toEqual([]);
  });
});

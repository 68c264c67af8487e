/** The schema keeps the contract, and generated files are up to date. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import {
  astFromValue,
  buildSchema,
  DangerousChangeType,
  findBreakingChanges,
  findDangerousChanges,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  print,
} from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../src/config/config.js';
import { SETTINGS } from '../src/config/settings.js';
import { ERROR_CODES } from '../src/errors.js';
import { createSchema, RESOLVERS } from '../src/resolvers/schema.js';
import { JOB_ERROR_CODES } from '../src/services/jobs/job-error.js';

/** Parts of the contract that are not implemented yet. Remove a part from this list when you add it. */
const STILL_MISSING: readonly string[] = [
  // [faults]
  // [front ends]
  // [uploads]
];

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the schema', () => {
  // The contract lists the fields of `Job` only once, so it would not be a valid schema by itself.
  const contract = buildSchema(read('test/fixtures/contract.graphql'), { assumeValid: true });
  let ours: GraphQLSchema;
  beforeAll(async () => {
    ours = await createSchema(RESOLVERS);
  });

  it('has all of the contract but the parts that are listed as missing', () => {
    const missing = [...partsOf(contract).keys()].filter((name) => !partsOf(ours).has(name));
    // If a type is missing, so are its fields.
    const unlisted = missing.filter(
      (name) => !STILL_MISSING.some((m) => m === name || name.startsWith(`${m}.`)),
    );
    expect(unlisted).toEqual([]);
  });

  it('has none of the parts that are listed as missing', () => {
    const present = partsOf(ours);
    expect(STILL_MISSING.filter((name) => present.has(name))).toEqual([]);
  });

  it('lists as missing only what is in the contract', () => {
    const known = partsOf(contract);
    expect(STILL_MISSING.filter((name) => !known.has(name))).toEqual([]);
  });

  it('breaks no client of the contract', () => {
    // Each listed part, in each of graphql-js's phrases for a missing part.
    const expected = STILL_MISSING.flatMap((name) => {
      const [, owner, part] = /^(.+)\.(\w+)$/.exec(name) ?? [];
      return [
        `${name} was removed.`,
        `${part} was removed from enum type ${owner}.`,
        `${owner} arg ${part} was removed.`,
        `${owner} no longer implements interface ${part}.`,
      ];
    });
    const breaking = findBreakingChanges(contract, ours)
      .map(({ description }) => description)
      // A schema contains GraphQL's own scalars only if they are used.
      .filter((description) => !description.startsWith('Standard scalar '));
    expect(breaking.filter((description) => !expected.includes(description))).toEqual([]);
  });

  it('surprises no client of the contract with enum values or defaults', () => {
    // Types may gain fields; optional additions harm no client.
    const harmless: readonly string[] = [
      DangerousChangeType.OPTIONAL_ARG_ADDED,
      DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED,
      DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED,
    ];
    const dangerous = findDangerousChanges(contract, ours).filter(({ type }) => !harmless.includes(type));
    expect(dangerous).toEqual([]);
  });

  it('gives every part the type, nullability and default that the contract says', () => {
    const present = partsOf(ours);
    const drift = [...partsOf(contract)].flatMap(([name, wanted]) => {
      const found = present.get(name);
      return found === undefined || found === wanted ? [] : [`${name} is ${found}, not ${wanted}`];
    });
    expect(drift).toEqual([]);
  });
});

describe('generated files', () => {
  it('are as the program is now', { timeout: 120_000 }, () => {
    const check = spawnSync(process.execPath, ['scripts/codegen.mjs', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(`${check.stdout}${check.stderr}`).toContain('everything is fresh');
    expect(check.status).toBe(0);
  });

  it('.env.example changes nothing when it is copied as it is', () => {
    expect(parseEnv(read('.env.example'))).toEqual({});
  });

  it('.env.example names every setting with the default it has', () => {
    const uncommented = parseEnv(read('.env.example').replace(/^# (?=[A-Z0-9_]+=)/gm, ''));
    expect(Object.keys(uncommented).sort()).toEqual(Object.keys(SETTINGS).sort());
    expect(readConfig(uncommented)).toEqual(readConfig({}));
  });
});

describe('docs/errors.md', () => {
  const page = read('docs/errors.md');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(?:sandbox|demo|pages)\b/.test(file))
    .map((file) => read(join('src', file)));
  /** The codes in the tables of a section, without its subsections. */
  const codesUnder = (heading: string): readonly string[] => {
    const section = page.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
    return [...section.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(([, code = '']) => code).sort();
  };
  const codesIn = (named: RegExp): readonly string[] =>
    sources.flatMap((source) => [...source.matchAll(named)].map(([, ...codes]) => codes.join('')));
  const unique = (codes: readonly string[]): readonly string[] => [...new Set(codes)].sort();

  it('tells of every code of a GraphQL error, and of no other', () => {
    const codes = unique([...Object.keys(ERROR_CODES), ...Object.values(ApolloServerErrorCode)]);
    expect(codesUnder('`extensions.code` of GraphQL errors')).toEqual(codes);
    const named = codesIn(/\bextensions: \{ code: '(\w+)'/g);
    expect(named.length).toBeGreaterThan(3);
    expect(codes).toEqual(expect.arrayContaining([...named]));
  });

  it('tells of every code of a job error, and of no other', () => {
    expect(codesUnder('`job.error.code`')).toEqual(unique(JOB_ERROR_CODES));
  });

  it('tells of every code of a field error, and of no other', () => {
    // `path, code: 'X'`, the `context` of a rule, or the first argument of `rule` and `faultRule`.
    const named =
      /\bpath(?:: [^,{}]+)?,\s*code: '(\w+)'|\bcontext\b[^{}]*\{ code: '(\w+)'|\b(?:r|faultR)ule\(\s*'(\w+)'/g;
    expect(codesUnder('`extensions.fieldErrors`')).toEqual(unique(codesIn(named)));
  });
});

it('there is one copy of graphql, so that its types know each other', () => {
  expect(copiesOf('graphql', join(root, 'node_modules'))).toEqual([join(root, 'node_modules', 'graphql')]);
});

/** All types, fields, arguments, input fields and enum values by name, with their definition as text. */
function partsOf(schema: GraphQLSchema): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  const addInputs = (owner: string, inputs: readonly (GraphQLArgument | GraphQLInputField)[]): void => {
    for (const input of inputs) parts.set(`${owner}.${input.name}`, typeAndDefault(input));
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    parts.set(type.name, type.constructor.name);
    if (isEnumType(type)) for (const { name } of type.getValues()) parts.set(`${type.name}.${name}`, 'value');
    if (isInputObjectType(type)) addInputs(type.name, Object.values(type.getFields()));
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const implemented of type.getInterfaces())
        parts.set(`${type.name}.${implemented.name}`, 'implemented');
      for (const field of Object.values(type.getFields())) {
        parts.set(`${type.name}.${field.name}`, String(field.type));
        addInputs(`${type.name}.${field.name}`, field.args);
      }
    }
  }
  return parts;
}

function typeAndDefault({ type, defaultValue }: GraphQLArgument | GraphQLInputField): string {
  const literal = defaultValue === undefined ? null : astFromValue(defaultValue, type);
  return literal ? `${type} = ${print(literal)}` : String(type);
}

/** Folders that contain the package, at any depth of nesting. */
function copiesOf(name: string, modules: string): readonly string[] {
  if (!existsSync(modules)) return [];
  const packages = readdirSync(modules, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || entry.name.startsWith('.')) return [];
    return entry.name.startsWith('@')
      ? readdirSync(join(modules, entry.name)).map((inner) => `${entry.name}/${inner}`)
      : [entry.name];
  });
  return packages.flatMap((found) => [
    ...(found === name ? [join(modules, found)] : []),
    ...copiesOf(name, join(modules, found, 'node_modules')),
  ]);
}

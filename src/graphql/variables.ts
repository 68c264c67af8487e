/** The variables of an operation, as they are executed. */
import {
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql';

export type Variables = Readonly<Record<string, unknown>>;

/**
 * Keeps only declared variables, because all are held in memory while the operation runs. Removes `__typename` from
 * input objects: Apollo Client and urql add it to what they receive, and callers send that back. Names that begin with
 * `__` are never those of input fields (GraphQL, section 2.1.9).
 */
export function variablesOf(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: unknown,
): Variables | null | undefined {
  if (typeof variables !== 'object' || variables === null) return variables as null | undefined;
  return Object.fromEntries(
    variableDefinitions.flatMap(({ variable: { name }, type }) => {
      if (!Object.hasOwn(variables, name.value)) return [];
      const value: unknown = Reflect.get(variables, name.value);
      const inputType = typeof value === 'object' && value !== null ? inputTypeOf(schema, type) : null;
      return [[name.value, inputType === null ? value : withoutTypenames(value, inputType)]];
    }),
  );
}

function inputTypeOf(
  schema: GraphQLSchema,
  type: Parameters<typeof typeFromAST>[1],
): GraphQLInputType | null {
  return (typeFromAST(schema, type) ?? null) as GraphQLInputType | null;
}

function withoutTypenames(value: unknown, type: GraphQLInputType): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isNonNullType(type)) return withoutTypenames(value, type.ofType);
  if (isListType(type)) {
    // A list of one may be given as its member.
    return Array.isArray(value)
      ? value.map((one) => withoutTypenames(one, type.ofType))
      : withoutTypenames(value, type.ofType);
  }
  if (!isInputObjectType(type) || Array.isArray(value)) return value;
  const fields = type.getFields();
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '__typename')
      .map(([name, member]) => {
        const field = fields[name];
        return [name, field === undefined ? member : withoutTypenames(member, field.type)];
      }),
  );
}

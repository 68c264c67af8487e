/** Errors as clients see them. */
import { randomUUID } from 'node:crypto';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { GatewayError } from '../errors.js';
import { locationsOf } from './document-source.js';

/** Logs an error whole, under the reference that the client is given. */
export type ReportUnexpected = (error: unknown, reference: string) => void;

/**
 * What the client gets of any error. Ours pass as they are, those of GraphQL itself pass without the values
 * they quote, and everything else is reported whole under a reference and shown masked.
 */
export function toClientError(
  formatted: GraphQLFormattedError,
  error: unknown,
  reportUnexpected: ReportUnexpected,
): GraphQLFormattedError {
  const original = originalOf(error);
  const locations = error instanceof GraphQLError ? locationsOf(error) : formatted.locations;
  const place = {
    ...(locations && { locations }),
    ...(formatted.path && { path: formatted.path }),
  };
  if (original instanceof GatewayError) {
    return {
      message: original.message,
      ...place,
      extensions: { ...original.extensions, code: original.code },
    };
  }
  if (isFromGraphQL(error)) {
    const code = codeOfGraphQL(formatted);
    if (code !== null) {
      return { message: withoutValues(formatted.message, error), ...place, extensions: { code } };
    }
  }
  const reference = randomUUID();
  reportUnexpected(original, reference);
  return {
    message: 'Something went wrong on our side. It is logged under the reference given here.',
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', reference },
  };
}

/** GraphQL wraps what is thrown, sometimes more than once. */
export function originalOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined
    ? originalOf(error.originalError)
    : error;
}

function isFromGraphQL(error: unknown): error is GraphQLError {
  return (
    error instanceof GraphQLError &&
    (error.originalError === undefined || error.originalError instanceof GraphQLError)
  );
}

/**
 * The code of an error that graphql-js or Apollo raised; null for one that the client can't help, like a
 * result that does not fit its type. Apollo gives codes over HTTP only, and its code for the unexpected to
 * whatever has none.
 */
function codeOfGraphQL({ message, path, extensions }: GraphQLFormattedError): string | null {
  if (/^(Variable "\$|Argument ")/.test(message)) return ApolloServerErrorCode.BAD_USER_INPUT;
  const code = extensions?.['code'] ?? ApolloServerErrorCode.BAD_REQUEST;
  if (path !== undefined || code === ApolloServerErrorCode.INTERNAL_SERVER_ERROR) return null;
  return String(code);
}

/**
 * graphql-js quotes the client's data in its messages, and that may be a secret. Of an error about a variable,
 * what is wrong is also the message of the original error, which is where the quoted value surely ends:
 * looking for its end in the text would let a value end itself.
 */
function withoutValues(message: string, error: GraphQLError): string {
  const variable = /^Variable "\$(\w+)" got invalid value /.exec(message)?.[1];
  if (variable === undefined) return withoutQuotes(message);
  const reason = error.originalError?.message;
  if (reason === undefined || !message.endsWith(`; ${reason}`)) {
    return `Variable "$${variable}" got an invalid value.`;
  }
  const path = / at "([\w.[\]]+)"$/.exec(message.slice(0, -`; ${reason}`.length))?.[1];
  const place = path === undefined ? '' : ` at "${path}"`;
  return `Variable "$${variable}" got an invalid value${place}; ${withoutQuotes(reason)}`;
}

/** Each from the message's beginning on, so that no value is taken for what is round it. */
function withoutQuotes(message: string): string {
  return message
    .replace(/^((?:\w+|Enum "\w+") cannot represent [\w -]*?value): [\s\S]*$/, '$1.')
    .replace(
      /^Value "[\s\S]*" does not exist in "(\w+)" enum\.[\s\S]*$/,
      'The value does not exist in "$1" enum.',
    )
    .replace(/^(Expected value of type "[^"]+"), found [\s\S]*$/, '$1.')
    .replace(/^(Argument "\w+" has invalid value) [\s\S]*$/, '$1.')
    .replace(
      /^(Syntax Error: (?:Expected (?:"[^"]+"|\w+), found|Unexpected) (?:String|BlockString|Int|Float)) "[\s\S]*$/,
      '$1.',
    );
}

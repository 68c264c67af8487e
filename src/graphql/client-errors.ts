/** Errors as clients see them. */
import { randomUUID } from 'node:crypto';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { GatewayError } from '../errors.js';
import { locationsOf } from './document-source.js';

/** Logs the complete error under the reference that the client gets. */
export type ReportUnexpected = (error: unknown, reference: string) => void;

/**
 * Formats an error for the client. Our own errors pass unchanged, errors of GraphQL itself pass without the values
 * that they quote, and all others are logged under a reference and masked.
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

/** GraphQL wraps thrown errors, sometimes more than once. */
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
 * Returns the code of an error that graphql-js or Apollo raised; null if the client can't correct it, like a
 * result that does not fit its type. Apollo sets codes over HTTP only, and uses its code for unexpected errors if
 * there is none.
 */
function codeOfGraphQL({ message, path, extensions }: GraphQLFormattedError): string | null {
  if (/^(Variable "\$|Argument "|Too many errors processing variables)/.test(message))
    return ApolloServerErrorCode.BAD_USER_INPUT;
  const code = extensions?.['code'] ?? ApolloServerErrorCode.BAD_REQUEST;
  if (path !== undefined || code === ApolloServerErrorCode.INTERNAL_SERVER_ERROR) return null;
  return String(code);
}

/**
 * graphql-js quotes the client's data in its messages, and that may be a secret. An error about a variable ends
 * with the message of its original error, so the quoted value ends where that begins. Searching the text for the end
 * of the value would let a value fake it.
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

/** Each pattern starts at the beginning of the message, so that a value can't imitate the text around it. */
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

/** What a failed call to Akool is for the caller of this gateway. */
import { GatewayError, InputError } from '../../errors.js';
import { AkoolCallError } from './call-error.js';
import { AKOOL_CODES } from './codes.js';

/** The input's fault, with `path` for its field, or nobody's here. Errors that are not Akool's stay as they are. */
export function toClientFault(error: unknown, path: string): unknown {
  if (!(error instanceof AkoolCallError)) return error;
  // A code of Akool's table (credentials, credit, account) is between the gateway and Akool.
  const isInputs = error.code === 'REFUSED' && !AKOOL_CODES.has(error.providerCode ?? -1);
  if (isInputs) return new InputError([{ path, code: 'MEDIA_UNUSABLE', message: error.message }]);
  return providerUnavailable(error);
}

export function providerUnavailable(cause: unknown): GatewayError {
  return new GatewayError('PROVIDER_UNAVAILABLE', 'Akool could not be asked; try again later.', { cause });
}

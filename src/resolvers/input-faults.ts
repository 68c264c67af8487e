/** What is wrong with an input that its classes can't know, because it depends on the settings or on what is stored. */
import type { FieldError } from '../errors.js';
import { type AddressedInput, addressesIn } from '../schema/addresses.js';
import { DetectFacesInput } from '../schema/face-detection.type.js';
import { CreateUploadInput, toAnnouncement } from '../schema/upload.input.js';
import type { GatewayContext } from './context.js';

export type Input = AddressedInput | CreateUploadInput;

/** @param isValid whether the input keeps the rules of its classes */
export async function faultsOf(
  input: Input,
  { services: { uploads }, caller }: GatewayContext,
  isValid: boolean,
): Promise<readonly FieldError[]> {
  if (input instanceof CreateUploadInput) return uploads.faultsOf(toAnnouncement(input));
  // A valid submit is checked when its job is stored, because a retry is accepted even if its uploads are gone.
  if (isValid && !(input instanceof DetectFacesInput)) return [];
  return uploads.faultsAt(caller.tenant, addressesIn(input));
}

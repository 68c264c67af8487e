/** The addresses of pictures and videos in an input. */
import type { GivenAddress } from '../services/uploads/upload-service.js';
import { DetectFacesInput } from './face-detection.type.js';
import { SubmitFaceSwapInput } from './face-swap.input.js';
import type { SubmitFaceSwapPlusInput } from './face-swap-plus.input.js';

export type AddressedInput = DetectFacesInput | SubmitFaceSwapInput | SubmitFaceSwapPlusInput;

/** @param input may break rules; then its addresses may be anything */
export function addressesIn(input: AddressedInput): readonly GivenAddress[] {
  const given = [...everyAddress(input)];
  return given.flatMap(([path, url]) => (url == null ? [] : [{ path: `input.${path}`, url }]));
}

function* everyAddress(input: AddressedInput): Generator<readonly [path: string, url: string | null]> {
  if (input instanceof DetectFacesInput) {
    yield ['url', input.url];
  } else if (input instanceof SubmitFaceSwapInput) {
    for (const side of ['sourceImage', 'targetImage'] as const) {
      for (const [i, image] of input[side].entries()) yield [`${side}.${i}.path`, image.path];
    }
  } else {
    yield ['sourceUrl', input.sourceUrl];
    yield ['targetUrl', input.targetUrl];
    for (const [i, mapping] of (input.faceMapping ?? []).entries()) {
      for (const side of ['source', 'target'] as const) {
        yield [`faceMapping.${i}.${side}.faceUrl`, mapping[side].faceUrl];
      }
    }
  }
}

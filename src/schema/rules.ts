/** Input rules that class-validator does not have, and the form of every rule's errors. */
import { registerDecorator, type ValidationArguments, type ValidationError, validate } from 'class-validator';
import { type FieldError, InputError } from '../errors.js';
import { URL_FAULTS, urlFault } from '../http-url.js';
import { isReference, METADATA_FAULTS, metadataFault } from '../services/jobs/labels.js';
import { OPTS_FAULTS, optsFault } from '../services/jobs/opts.js';
import { UPLOAD_TYPE_FAULTS, uploadTypeFault } from '../services/uploads/announced-type.js';

/** The `context` of a rule. */
interface RuleContext {
  /** The `code` of its field errors. */
  readonly code: string;
  /** For a rule about a list: the paths within it that break the rule. Absent if the field itself is at fault. */
  readonly places?: (value: unknown, object: object) => readonly string[];
}

/** Bodies have a size limit, but a thousand errors would not help anyone. */
const MAX_ERRORS = 250;

/**
 * Checks an input against all rules of its class and of the classes nested in it.
 *
 * @param prefix the name of the argument, which begins each path
 * @param others checks what the classes can't know; gets whether the input keeps their rules
 * @throws InputError with every broken rule, but none of the values
 */
export async function checkInput(
  input: object,
  prefix: string,
  others: (isValid: boolean) => Promise<readonly FieldError[]>,
): Promise<void> {
  const errors = await validate(input, { forbidUnknownValues: false, validationError: { target: false } });
  const fieldErrors = errors.flatMap((error) => toFieldErrors(error, prefix, input));
  fieldErrors.push(...(await others(errors.length === 0)));
  // Put errors of a list before errors of its elements, so that the limit does not cut them off.
  fieldErrors.sort((a, b) => depthOf(a) - depthOf(b));
  if (fieldErrors.length > 0) throw new InputError(fieldErrors.slice(0, MAX_ERRORS));
}

function depthOf({ path }: FieldError): number {
  return path.split('.').length;
}

function toFieldErrors(error: ValidationError, parent: string, object: object): FieldError[] {
  const path = `${parent}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).flatMap(([rule, message]) => {
    // Null has nothing nested in it; another rule decides whether the value may be null.
    if (rule === 'nestedValidation' && error.value === null) return [];
    const context: RuleContext = error.contexts?.[rule] ?? { code: 'INVALID' };
    const places = context.places?.(error.value, object).map((place) => `${path}.${place}`) ?? [path];
    return places.map((place) => ({ path: place, code: context.code, message }));
  });
  const nested = (error.children ?? []).flatMap((child) =>
    toFieldErrors(child, path, (error.value ?? {}) as object),
  );
  return [...own, ...nested];
}

/** An absolute http(s) URL; its message says which of `URL_FAULTS` it has. */
export function IsHttpUrl(): PropertyDecorator {
  return faultRule('URL_INVALID', URL_FAULTS, urlFault);
}

/** Landmarks of a face, or empty text for none; its message says which of `OPTS_FAULTS` they have. */
export function IsOpts(): PropertyDecorator {
  return faultRule('OPTS_MALFORMED', OPTS_FAULTS, (text: string) => (text === '' ? null : optsFault(text)));
}

/**
 * Page "Face Swap Pro": `opts` is required on every element of both lists as soon as one list has more than
 * one element. Does not apply if `detectOpts` lets the gateway detect them.
 */
export function EachNeedsOpts(): PropertyDecorator {
  return rule(
    'OPTS_REQUIRED',
    'is required as soon as either list has more than one image; take it from detectFaces, or set detectOpts: true',
    { places: missingOpts },
  );
}

interface ImageLists {
  readonly sourceImage?: readonly { readonly opts?: string | null }[];
  readonly targetImage?: readonly { readonly opts?: string | null }[];
  readonly detectOpts?: boolean;
}

function missingOpts(list: unknown, input: ImageLists): readonly string[] {
  const isBatch = (input.sourceImage?.length ?? 0) > 1 || (input.targetImage?.length ?? 0) > 1;
  if (!isBatch || input.detectOpts === true || !Array.isArray(list)) return [];
  return (list as readonly { readonly opts?: string | null }[]).flatMap((image, i) =>
    image?.opts ? [] : [`${i}.opts`],
  );
}

/** 1 to 128 printable characters. */
export function IsIdempotencyKey(): PropertyDecorator {
  return rule('IDEMPOTENCY_KEY_INVALID', 'must be 1 to 128 printable characters', {
    holds: (value) =>
      value == null || (typeof value === 'string' && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,128}$/u.test(value)),
  });
}

export function IsReference(): PropertyDecorator {
  return rule(
    'REFERENCE_INVALID',
    'must be 1 to 256 characters, none of them a control character or half of a surrogate pair',
    {
      holds: (value) => value == null || (typeof value === 'string' && isReference(value)),
    },
  );
}

/** A JSON object that can be kept; its message says which of `METADATA_FAULTS` it has. */
export function IsMetadata(): PropertyDecorator {
  return faultRule('METADATA_INVALID', METADATA_FAULTS, metadataFault);
}

/** A media type that can be uploaded; its message says which of `UPLOAD_TYPE_FAULTS` it has. */
export function IsUploadType(): PropertyDecorator {
  return faultRule('CONTENT_TYPE_UNSUPPORTED', UPLOAD_TYPE_FAULTS, uploadTypeFault);
}

/** The largest size depends on the settings: see `UploadService.faultsOf`. */
export function IsByteSize(): PropertyDecorator {
  return rule('BYTE_SIZE_INVALID', 'must be the exact number of bytes, at least 1', {
    holds: (value) => typeof value === 'number' && value >= 1,
  });
}

export function IsSha256(): PropertyDecorator {
  return rule('SHA256_INVALID', 'must be a SHA-256 in hex: 64 digits', {
    holds: (value) => value == null || (typeof value === 'string' && /^[\da-f]{64}$/i.test(value)),
  });
}

/** Akool's `bbox`: two corners, the first above and to the left of the second. */
export function IsBbox(): PropertyDecorator {
  return rule('BBOX_INVALID', 'must be [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2', {
    holds: (value) => {
      if (!Array.isArray(value) || value.length !== 4) return false;
      const [x1, y1, x2, y2] = value as [number, number, number, number];
      return x1 < x2 && y1 < y2;
    },
  });
}

/** Akool's `faceswapPlusByImage`: `face_mapping` is "required when `single_face_mode` is false". */
export function MappingUnlessSingleFace(): PropertyDecorator {
  return rule(
    'FACE_MAPPING_REQUIRED',
    'is required unless singleFaceMode is true; detectFaces returns the faces to map',
    {
      holds: (value, input: { readonly singleFaceMode?: boolean }) =>
        input.singleFaceMode === true || (Array.isArray(value) && value.length > 0),
    },
  );
}

/** Akool's code 1007: "more than 8 faces". A missing list has none. */
export function AtMostFaces(most: number): PropertyDecorator {
  return rule('TOO_MANY_FACES', `must hold at most ${most} faces; split the request`, {
    holds: (value) => !Array.isArray(value) || value.length <= most,
  });
}

/** A face has only one position. */
export function InsteadOfBbox(): PropertyDecorator {
  return rule('BBOX_AMBIGUOUS', 'give either bbox or region, not both', {
    holds: (_region, input: FaceReferenceLike) => input.bbox == null,
  });
}

/** Without `faceUrl`, `bbox` and `region`, it is unknown which face to replace. */
export function TargetIsNamed(): PropertyDecorator {
  return rule(
    'FACE_URL_REQUIRED',
    'is required, unless bbox or region says where in targetUrl the face is; detectFaces returns both',
    {
      places: (value) => {
        const face = value as FaceReferenceLike | null;
        return face?.faceUrl == null && face?.bbox == null && face?.region == null ? ['faceUrl'] : [];
      },
    },
  );
}

/** Akool's `faceswapPlusByImage`: `source_face_info.face_url` is required. */
export function SourceHasFaceUrl(): PropertyDecorator {
  return rule('FACE_URL_REQUIRED', 'is required: a faceUrl from detectFaces, or your own picture', {
    places: (value) => ((value as FaceReferenceLike | null)?.faceUrl == null ? ['faceUrl'] : []),
  });
}

/**
 * Akool's `faceswapPlusByImage`: `bbox` is required if `face_url` is the caller's own picture. This is
 * certain only if it is one of the two pictures of the request.
 */
export function BboxForOwnPictures(): PropertyDecorator {
  return rule(
    'BBOX_REQUIRED',
    'is required if faceUrl is a whole picture: pass cropRegion from detectFaces as region, or use its faceUrl',
    {
      places: (value, input: { readonly sourceUrl?: string; readonly targetUrl?: string }) => {
        if (!Array.isArray(value)) return [];
        return (value as readonly Record<'source' | 'target', FaceReferenceLike | undefined>[]).flatMap(
          (mapping, i) =>
            (['source', 'target'] as const).flatMap((side) => {
              const face = mapping[side];
              const isWhole =
                face?.faceUrl != null && [input.sourceUrl, input.targetUrl].includes(face.faceUrl);
              return isWhole && face.bbox == null && face.region == null ? [`${i}.${side}.bbox`] : [];
            }),
        );
      },
    },
  );
}

interface FaceReferenceLike {
  readonly faceUrl?: string | null;
  readonly bbox?: readonly number[] | null;
  readonly region?: object | null;
}

/** Checks a value as a whole, or returns the places where it breaks the rule. */
type Check<Input> =
  | { readonly holds: (value: unknown, input: Input) => boolean }
  | { readonly places: (value: unknown, input: Input) => readonly string[] };

/**
 * A rule that can be broken in several ways, each with its own message.
 *
 * @param faultOf gets what GraphQL lets through as the field's type
 */
function faultRule<Value, Fault extends string>(
  code: string,
  messages: Readonly<Record<Fault, string>>,
  faultOf: (value: Value) => Fault | null,
): PropertyDecorator {
  const message = ({ value }: ValidationArguments): string => {
    const fault = faultOf(value);
    return fault === null ? '' : messages[fault];
  };
  return rule(code, message, { holds: (value) => faultOf(value as Value) === null });
}

function rule<Input extends object>(
  code: string,
  message: string | ((args: ValidationArguments) => string),
  check: Check<Input>,
): PropertyDecorator {
  const places = 'places' in check ? { places: check.places as RuleContext['places'] } : {};
  return (target, property) =>
    registerDecorator({
      name: code,
      target: target.constructor,
      propertyName: String(property),
      options: { context: { code, ...places }, message },
      validator: {
        validate: (value: unknown, args?: ValidationArguments) => {
          const input = (args?.object ?? {}) as Input;
          return 'holds' in check ? check.holds(value, input) : check.places(value, input).length === 0;
        },
      },
    });
}

/** Rules of the inputs that class-validator does not bring along, and what all rules' errors look like. */
import { registerDecorator, type ValidationArguments, type ValidationError, validate } from 'class-validator';
import { type FieldError, InputError } from '../errors.js';
import { isHttpUrl } from '../http-url.js';

/** What a rule says of itself in its `context`. */
interface RuleContext {
  /** The `code` of its field errors. */
  readonly code: string;
  /** For a rule about a list: which places in it break the rule, as paths within it. Absent: the field itself. */
  readonly places?: (value: unknown, object: object) => readonly string[];
}

/** Request bodies are bounded, but a thousand errors help nobody. */
const MOST_ERRORS = 250;

/**
 * Checks an input against all rules of its class and of those nested in it.
 *
 * @param prefix the name of the argument, the first part of each path
 * @throws InputError with every broken rule, and none of the values
 */
export async function checkInput(input: object, prefix: string): Promise<void> {
  const errors = await validate(input, { forbidUnknownValues: false, validationError: { target: false } });
  const fieldErrors = errors.flatMap((error) => toFieldErrors(error, prefix, input));
  if (fieldErrors.length > 0) throw new InputError(fieldErrors.slice(0, MOST_ERRORS));
}

function toFieldErrors(error: ValidationError, parent: string, object: object): FieldError[] {
  const path = `${parent}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).flatMap(([rule, message]) => {
    const context: RuleContext = error.contexts?.[rule] ?? { code: 'INVALID' };
    const places = context.places?.(error.value, object).map((place) => `${path}.${place}`) ?? [path];
    return places.map((place) => ({ path: place, code: context.code, message }));
  });
  const nested = (error.children ?? []).flatMap((child) =>
    toFieldErrors(child, path, (error.value ?? {}) as object),
  );
  return [...own, ...nested];
}

/** An absolute http(s) URL of at most 4096 characters, with nothing that would have to be guessed. */
export function IsHttpUrl(): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'isHttpUrl',
      target: target.constructor,
      propertyName: String(property),
      options: {
        context: { code: 'URL_INVALID' } satisfies RuleContext,
        message: 'must be an absolute http: or https: URL, like https://example.com/face.jpg',
      },
      validator: { validate: (value: unknown) => typeof value === 'string' && isHttpUrl(value) },
    });
}

/**
 * Page "Face Swap Pro": `opts` is required on every element of both lists as soon as one list has more than
 * one element. Not where `detectOpts` says that the gateway shall find them.
 */
export function EachNeedsOpts(): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'eachNeedsOpts',
      target: target.constructor,
      propertyName: String(property),
      options: {
        context: { code: 'OPTS_REQUIRED', places: missingOpts } satisfies RuleContext,
        message:
          'is required as soon as either list has more than one image; take it from detectFaces, or set detectOpts: true',
      },
      validator: {
        validate: (value: unknown, args?: ValidationArguments) =>
          missingOpts(value, args?.object ?? {}).length === 0,
      },
    });
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
    image?.opts == null ? [`${i}.opts`] : [],
  );
}

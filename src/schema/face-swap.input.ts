/** The input of `submitFaceSwap`, with every rule of Akool's page "Face Swap Pro". */
import { ArrayMaxSize, ArrayMinSize, IsOptional, ValidateNested } from 'class-validator';
import { Field, InputType } from 'type-graphql';
import { toUri } from '../http-url.js';
import { type FaceImage, type FaceSwapRequest, MAX_IMAGES } from '../services/jobs/job-request.js';
import { toOpts } from '../services/jobs/opts.js';
import { FaceSwapModelEnum } from './enums.js';
import { EachNeedsOpts, IsHttpUrl, IsIdempotencyKey, IsMetadata, IsOpts, IsReference } from './rules.js';
import { JsonObjectScalar, UrlScalar } from './scalars.js';

@InputType('FaceImageInput', { description: 'A picture of a face.' })
class FaceImageInput implements FaceImage {
  @Field(() => UrlScalar, {
    description: 'An absolute http(s) URL from which Akool can download the picture.',
  })
  @IsHttpUrl()
  path: string;

  @Field(() => String, {
    nullable: true,
    description:
      'Face landmarks, like `262,175:363,175:313,215:272,279`, as `detectFaces` returns them. ' +
      'Optional if both lists have exactly one image; otherwise required on every image, unless `detectOpts`.',
  })
  @IsOptional()
  @IsOpts()
  opts: string | null;
}

@InputType('SubmitFaceSwapInput')
export class SubmitFaceSwapInput {
  @Field(() => [FaceImageInput], { description: `The new faces, 1 to ${MAX_IMAGES}.` })
  @ArrayMinSize(1, tooFewRule())
  @ArrayMaxSize(MAX_IMAGES, tooManyRule())
  @ValidateNested({ each: true })
  @EachNeedsOpts()
  sourceImage: FaceImageInput[];

  @Field(() => [FaceImageInput], {
    description: `The pictures whose faces are replaced, 1 to ${MAX_IMAGES}.`,
  })
  @ArrayMinSize(1, tooFewRule())
  @ArrayMaxSize(MAX_IMAGES, tooManyRule())
  @ValidateNested({ each: true })
  @EachNeedsOpts()
  targetImage: FaceImageInput[];

  @Field(() => FaceSwapModelEnum, { defaultValue: FaceSwapModelEnum.AKOOL_FACESWAP_IMAGE_HQ })
  modelName: FaceSwapRequest['modelName'];

  @Field(() => Boolean, { defaultValue: false, description: 'Enhance the faces in the result.' })
  faceEnhance: boolean;

  @Field(() => Boolean, { defaultValue: false, description: "Akool's simplified swap of a single face." })
  singleFaceMode: boolean;

  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Let the gateway detect faces and fill in missing `opts`.',
  })
  detectOpts: boolean;

  @Field(() => String, {
    nullable: true,
    description:
      '1 to 128 printable characters, unique among your submits: a retry with the same key and input returns the same job. Kept as long as the job, and at least 24 hours.',
  })
  @IsIdempotencyKey()
  idempotencyKey: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Your own name for the job, 1 to 256 characters; not unique. A retry with the same `idempotencyKey` does not change it.',
  })
  @IsReference()
  reference: string | null;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description: 'Whatever you want to note of the job, at most 4 KiB as JSON; likewise.',
  })
  @IsOptional()
  @IsMetadata()
  metadata: object | null;
}

/** Converts the input to the form that is stored. */
export function toFaceSwapRequest(input: SubmitFaceSwapInput): FaceSwapRequest {
  return {
    kind: 'PRO',
    sourceImage: input.sourceImage.map(toFaceImage),
    targetImage: input.targetImage.map(toFaceImage),
    modelName: input.modelName,
    faceEnhance: input.faceEnhance,
    singleFaceMode: input.singleFaceMode,
    detectOpts: input.detectOpts,
  };
}

function toFaceImage({ path, opts }: FaceImageInput): FaceImage {
  return { path: toUri(path), opts: opts ? toOpts(opts) : null };
}

function tooFewRule() {
  return { context: { code: 'TOO_FEW_IMAGES' }, message: 'must hold at least 1 image' };
}

function tooManyRule() {
  return {
    context: { code: 'TOO_MANY_IMAGES' },
    message: `must hold at most ${MAX_IMAGES} images; split the request`,
  };
}

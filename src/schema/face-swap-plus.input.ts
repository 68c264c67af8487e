/** The input of `submitFaceSwapPlus`, with the rules of Akool's `faceswapPlusByImage`. */
import { IsOptional, ValidateNested } from 'class-validator';
import { Field, Float, InputType } from 'type-graphql';
import { toUri } from '../http-url.js';
import {
  type FaceMapping,
  type FaceReference,
  type FaceSwapPlusRequest,
  MAX_FACES,
} from '../services/jobs/job-request.js';
import { FaceSwapPlusStyleEnum } from './enums.js';
import { RectangleInput } from './geometry.type.js';
import {
  AtMostFaces,
  BboxForOwnPictures,
  InsteadOfBbox,
  IsBbox,
  IsHttpUrl,
  IsIdempotencyKey,
  IsMetadata,
  IsReference,
  MappingUnlessSingleFace,
  SourceHasFaceUrl,
  TargetIsNamed,
} from './rules.js';
import { JsonObjectScalar, UrlScalar } from './scalars.js';

@InputType('FaceReferenceInput', {
  description: 'A face: a picture of its own, or a place in a larger picture.',
})
class FaceReferenceInput {
  @Field(() => UrlScalar, {
    nullable: true,
    description:
      'A `faceUrl` from `detectFaces`, or a picture of your own, in which `bbox` or `region` marks the face.',
  })
  @IsOptional()
  @IsHttpUrl()
  faceUrl: string | null;

  @Field(() => [Float], { nullable: true, description: '`[x1, y1, x2, y2]` in pixels.' })
  @IsOptional()
  @IsBbox()
  bbox: number[] | null;

  @Field(() => RectangleInput, {
    nullable: true,
    description: 'Instead of `bbox`: a `cropRegion` or `region` from `detectFaces`, unchanged.',
  })
  @IsOptional()
  @ValidateNested()
  @InsteadOfBbox()
  region: RectangleInput | null;
}

@InputType('FaceMappingInput', { description: 'Which new face replaces which face.' })
class FaceMappingInput {
  @Field(() => FaceReferenceInput)
  @ValidateNested()
  @SourceHasFaceUrl()
  source: FaceReferenceInput;

  @Field(() => FaceReferenceInput)
  @ValidateNested()
  @TargetIsNamed()
  target: FaceReferenceInput;
}

@InputType('SubmitFaceSwapPlusInput')
export class SubmitFaceSwapPlusInput {
  @Field(() => UrlScalar, { description: 'The picture of the new face or faces.' })
  @IsHttpUrl()
  sourceUrl: string;

  @Field(() => UrlScalar, { description: 'The picture or video whose faces are replaced.' })
  @IsHttpUrl()
  targetUrl: string;

  @Field(() => FaceSwapPlusStyleEnum, { defaultValue: FaceSwapPlusStyleEnum.REALISTIC })
  modelStyle: FaceSwapPlusRequest['modelStyle'];

  @Field(() => [FaceMappingInput], {
    nullable: true,
    description: `Which new face replaces which face, at most ${MAX_FACES}; required unless \`singleFaceMode\`.`,
  })
  @MappingUnlessSingleFace()
  @AtMostFaces(MAX_FACES)
  @ValidateNested({ each: true })
  @BboxForOwnPictures()
  faceMapping: FaceMappingInput[] | null;

  @Field(() => Boolean, { defaultValue: false, description: 'Enhance the faces in the result.' })
  faceEnhance: boolean;

  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Swap a single face; `faceMapping` is not needed.',
  })
  singleFaceMode: boolean;

  @Field(() => String, {
    nullable: true,
    description:
      '1 to 128 printable characters, unique among your submits: a retry with the same key and input returns the same job.',
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
export function toFaceSwapPlusRequest(input: SubmitFaceSwapPlusInput): FaceSwapPlusRequest {
  return {
    kind: 'PLUS',
    sourceUrl: toUri(input.sourceUrl),
    targetUrl: toUri(input.targetUrl),
    modelStyle: input.modelStyle,
    faceMapping: (input.faceMapping ?? []).map(
      ({ source, target }): FaceMapping => ({
        source: toFaceReference(source),
        target: toFaceReference(target),
      }),
    ),
    faceEnhance: input.faceEnhance,
    singleFaceMode: input.singleFaceMode,
  };
}

/** Detection returns `[x, y, width, height]`, but Face Swap Plus expects `[x1, y1, x2, y2]`. */
function toFaceReference({ faceUrl, bbox, region }: FaceReferenceInput): FaceReference {
  const box = bbox ?? (region && [region.x, region.y, region.x + region.width, region.y + region.height]);
  return { faceUrl: faceUrl == null ? null : toUri(faceUrl), bbox: box ?? null };
}

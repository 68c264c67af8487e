/** A Face Swap Plus job. */
import { Field, Float, ObjectType } from 'type-graphql';
import { FaceSwapPlusStyleEnum } from './enums.js';
import { JobType } from './job.type.js';
import { UrlScalar } from './scalars.js';

@ObjectType('FaceReference', {
  simpleResolvers: true,
  description: 'A face: a picture of its own, or a place in a larger picture.',
})
class FaceReferenceType {
  @Field(() => UrlScalar, { nullable: true })
  faceUrl: string | null;

  @Field(() => [Float], { nullable: true, description: '`[x1, y1, x2, y2]` in pixels.' })
  bbox: readonly number[] | null;
}

@ObjectType('FaceMapping', { simpleResolvers: true, description: 'Which new face replaces which face.' })
class FaceMappingType {
  @Field(() => FaceReferenceType)
  source: FaceReferenceType;

  @Field(() => FaceReferenceType)
  target: FaceReferenceType;
}

@ObjectType('FaceSwapPlusJob', {
  simpleResolvers: true,
  implements: JobType,
  description: 'A job of Face Swap Plus.',
})
export class FaceSwapPlusJobType extends JobType {
  @Field(() => UrlScalar, { description: 'The picture of the new face or faces.' })
  sourceUrl: string;

  @Field(() => UrlScalar, { description: 'The picture or video whose faces are replaced.' })
  targetUrl: string;

  @Field(() => FaceSwapPlusStyleEnum)
  modelStyle: string;

  @Field(() => [FaceMappingType])
  faceMapping: readonly FaceMappingType[];

  @Field(() => Boolean)
  faceEnhance: boolean;

  @Field(() => Boolean)
  singleFaceMode: boolean;
}

@ObjectType('SubmitFaceSwapPlusPayload', { simpleResolvers: true })
export class SubmitFaceSwapPlusPayloadType {
  @Field(() => FaceSwapPlusJobType)
  job: JobType;

  @Field(() => Boolean, {
    description: 'True if the idempotency key already belonged to this job: nothing new was submitted.',
  })
  deduplicated: boolean;
}

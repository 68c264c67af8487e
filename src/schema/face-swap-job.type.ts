/** A Face Swap Pro job. */
import { Field, ObjectType } from 'type-graphql';
import { FaceSwapModelEnum } from './enums.js';
import { JobType } from './job.type.js';
import { UrlScalar } from './scalars.js';

@ObjectType('FaceImage', { simpleResolvers: true, description: 'A picture of a face.' })
class FaceImageType {
  @Field(() => UrlScalar)
  path: string;

  @Field(() => String, {
    nullable: true,
    description: 'Face landmarks, like `262,175:363,175:313,215:272,279`: as given, or as detected.',
  })
  opts: string | null;
}

@ObjectType('FaceSwapJob', {
  simpleResolvers: true,
  implements: JobType,
  description: 'A job of Face Swap Pro.',
})
export class FaceSwapJobType extends JobType {
  @Field(() => [FaceImageType], { description: 'The new faces.' })
  sourceImage: FaceImageType[];

  @Field(() => [FaceImageType], { description: 'The pictures whose faces are replaced.' })
  targetImage: FaceImageType[];

  @Field(() => FaceSwapModelEnum)
  modelName: string;

  @Field(() => Boolean)
  faceEnhance: boolean;

  @Field(() => Boolean)
  singleFaceMode: boolean;
}

@ObjectType('SubmitFaceSwapPayload', { simpleResolvers: true })
export class SubmitFaceSwapPayloadType {
  @Field(() => FaceSwapJobType)
  job: JobType;

  @Field(() => Boolean, {
    description: 'True if the idempotency key already belonged to this job: nothing new was submitted.',
  })
  deduplicated: boolean;
}

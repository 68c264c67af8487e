/** The fields of a Face Swap Pro job that come from its request. */
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { FaceSwapJobType } from '../schema/face-swap-job.type.js';
import type { JobNode } from '../schema/job-node.js';
import type { FaceSwapRequest as Request } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';
import { requestOf } from './request-of.js';

@Resolver(() => FaceSwapJobType)
export class FaceSwapJobResolver {
  @FieldResolver()
  sourceImage(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['sourceImage']> {
    return requestOf<'PRO'>(node, context).then((request) => request.sourceImage);
  }

  @FieldResolver()
  targetImage(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['targetImage']> {
    return requestOf<'PRO'>(node, context).then((request) => request.targetImage);
  }

  @FieldResolver()
  modelName(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['modelName']> {
    return requestOf<'PRO'>(node, context).then((request) => request.modelName);
  }

  @FieldResolver()
  faceEnhance(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['faceEnhance']> {
    return requestOf<'PRO'>(node, context).then((request) => request.faceEnhance);
  }

  @FieldResolver()
  singleFaceMode(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['singleFaceMode']> {
    return requestOf<'PRO'>(node, context).then((request) => request.singleFaceMode);
  }
}

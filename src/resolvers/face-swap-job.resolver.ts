/** The fields of a Face Swap Pro job that come from its request. */
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { FaceSwapJobType } from '../schema/face-swap-job.type.js';
import type { JobNode } from '../schema/job-node.js';
import type { FaceSwapRequest as Request } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';
import { type OrPromise, ofRequest } from './request-of.js';

@Resolver(() => FaceSwapJobType)
export class FaceSwapJobResolver {
  @FieldResolver()
  sourceImage(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['sourceImage']> {
    return ofRequest<Request, 'sourceImage'>(node, context, 'sourceImage');
  }

  @FieldResolver()
  targetImage(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['targetImage']> {
    return ofRequest<Request, 'targetImage'>(node, context, 'targetImage');
  }

  @FieldResolver()
  modelName(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['modelName']> {
    return ofRequest<Request, 'modelName'>(node, context, 'modelName');
  }

  @FieldResolver()
  faceEnhance(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['faceEnhance']> {
    return ofRequest<Request, 'faceEnhance'>(node, context, 'faceEnhance');
  }

  @FieldResolver()
  singleFaceMode(
    @Root() node: JobNode,
    @Ctx() context: GatewayContext,
  ): OrPromise<Request['singleFaceMode']> {
    return ofRequest<Request, 'singleFaceMode'>(node, context, 'singleFaceMode');
  }
}

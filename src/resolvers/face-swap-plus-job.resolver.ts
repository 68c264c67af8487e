/** The fields of a Face Swap Plus job that come from its request. */
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { FaceSwapPlusJobType } from '../schema/face-swap-plus-job.type.js';
import type { JobNode } from '../schema/job-node.js';
import type { FaceSwapPlusRequest as Request } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';
import { type OrPromise, ofRequest } from './request-of.js';

@Resolver(() => FaceSwapPlusJobType)
export class FaceSwapPlusJobResolver {
  @FieldResolver()
  sourceUrl(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['sourceUrl']> {
    return ofRequest<Request, 'sourceUrl'>(node, context, 'sourceUrl');
  }

  @FieldResolver()
  targetUrl(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['targetUrl']> {
    return ofRequest<Request, 'targetUrl'>(node, context, 'targetUrl');
  }

  @FieldResolver()
  modelStyle(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['modelStyle']> {
    return ofRequest<Request, 'modelStyle'>(node, context, 'modelStyle');
  }

  @FieldResolver()
  faceMapping(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<Request['faceMapping']> {
    return ofRequest<Request, 'faceMapping'>(node, context, 'faceMapping');
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

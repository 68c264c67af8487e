/** The fields of a Face Swap Plus job that come from its request. */
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { FaceSwapPlusJobType } from '../schema/face-swap-plus-job.type.js';
import type { JobNode } from '../schema/job-node.js';
import type { FaceSwapPlusRequest as Request } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';
import { requestOf } from './request-of.js';

@Resolver(() => FaceSwapPlusJobType)
export class FaceSwapPlusJobResolver {
  @FieldResolver()
  sourceUrl(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['sourceUrl']> {
    return requestOf<'PLUS'>(node, context).then((request) => request.sourceUrl);
  }

  @FieldResolver()
  targetUrl(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['targetUrl']> {
    return requestOf<'PLUS'>(node, context).then((request) => request.targetUrl);
  }

  @FieldResolver()
  modelStyle(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['modelStyle']> {
    return requestOf<'PLUS'>(node, context).then((request) => request.modelStyle);
  }

  @FieldResolver()
  faceMapping(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['faceMapping']> {
    return requestOf<'PLUS'>(node, context).then((request) => request.faceMapping);
  }

  @FieldResolver()
  faceEnhance(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['faceEnhance']> {
    return requestOf<'PLUS'>(node, context).then((request) => request.faceEnhance);
  }

  @FieldResolver()
  singleFaceMode(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['singleFaceMode']> {
    return requestOf<'PLUS'>(node, context).then((request) => request.singleFaceMode);
  }
}

/** What of a Face Swap Pro job is in its request. */
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { FaceSwapJobType } from '../schema/face-swap-job.type.js';
import type { JobNode } from '../schema/job-node.js';
import type { FaceSwapRequest as Request } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';
import { requestOf } from './request-of.js';

@Resolver(() => FaceSwapJobType)
export class FaceSwapJobResolver {
  @FieldResolver()
  async sourceImage(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['sourceImage']> {
    return (await requestOf<'PRO'>(node, context)).sourceImage;
  }

  @FieldResolver()
  async targetImage(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['targetImage']> {
    return (await requestOf<'PRO'>(node, context)).targetImage;
  }

  @FieldResolver()
  async modelName(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['modelName']> {
    return (await requestOf<'PRO'>(node, context)).modelName;
  }

  @FieldResolver()
  async faceEnhance(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['faceEnhance']> {
    return (await requestOf<'PRO'>(node, context)).faceEnhance;
  }

  @FieldResolver()
  async singleFaceMode(
    @Root() node: JobNode,
    @Ctx() context: GatewayContext,
  ): Promise<Request['singleFaceMode']> {
    return (await requestOf<'PRO'>(node, context)).singleFaceMode;
  }
}

/** What of a Face Swap Plus job is in its request. */
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { FaceSwapPlusJobType } from '../schema/face-swap-plus-job.type.js';
import type { JobNode } from '../schema/job-node.js';
import type { FaceSwapPlusRequest as Request } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';
import { requestOf } from './request-of.js';

@Resolver(() => FaceSwapPlusJobType)
export class FaceSwapPlusJobResolver {
  @FieldResolver()
  async sourceUrl(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['sourceUrl']> {
    return (await requestOf<'PLUS'>(node, context)).sourceUrl;
  }

  @FieldResolver()
  async targetUrl(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['targetUrl']> {
    return (await requestOf<'PLUS'>(node, context)).targetUrl;
  }

  @FieldResolver()
  async modelStyle(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['modelStyle']> {
    return (await requestOf<'PLUS'>(node, context)).modelStyle;
  }

  @FieldResolver()
  async faceMapping(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['faceMapping']> {
    return (await requestOf<'PLUS'>(node, context)).faceMapping;
  }

  @FieldResolver()
  async faceEnhance(@Root() node: JobNode, @Ctx() context: GatewayContext): Promise<Request['faceEnhance']> {
    return (await requestOf<'PLUS'>(node, context)).faceEnhance;
  }

  @FieldResolver()
  async singleFaceMode(
    @Root() node: JobNode,
    @Ctx() context: GatewayContext,
  ): Promise<Request['singleFaceMode']> {
    return (await requestOf<'PLUS'>(node, context)).singleFaceMode;
  }
}

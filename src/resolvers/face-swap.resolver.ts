/** The submit mutations: Face Swap Pro and Face Swap Plus. */
import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Authorized, Ctx, Info, Mutation, Resolver } from 'type-graphql';
import { SubmitFaceSwapInput, toFaceSwapRequest } from '../schema/face-swap.input.js';
import { SubmitFaceSwapPayloadType } from '../schema/face-swap-job.type.js';
import { SubmitFaceSwapPlusInput, toFaceSwapPlusRequest } from '../schema/face-swap-plus.input.js';
import { SubmitFaceSwapPlusPayloadType } from '../schema/face-swap-plus-job.type.js';
import { toJobNode } from '../schema/job-node.js';
import { accept, type GatewayContext } from './context.js';

@Resolver()
export class FaceSwapResolver {
  @Authorized()
  @Mutation(() => SubmitFaceSwapPayloadType, {
    description:
      "Submits a swap of pictures. The job is stored before this returns; if a slot was free, the payload also reflects Akool's answer.",
  })
  async submitFaceSwap(
    @Arg('input', () => SubmitFaceSwapInput) input: SubmitFaceSwapInput,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<SubmitFaceSwapPayloadType> {
    const { services, caller } = context;
    const request = toFaceSwapRequest(input);
    const { job, deduplicated } = await services.submission.submit(
      caller.tenant,
      request,
      input.idempotencyKey ?? null,
    );
    accept(context, info, job.id);
    return { job: toJobNode(job, services.mediaUrl, request), deduplicated };
  }

  @Authorized()
  @Mutation(() => SubmitFaceSwapPlusPayloadType, {
    description:
      'Submits a swap of several faces, in a picture or a video. The job goes through the same states as one from `submitFaceSwap`.',
  })
  async submitFaceSwapPlus(
    @Arg('input', () => SubmitFaceSwapPlusInput) input: SubmitFaceSwapPlusInput,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<SubmitFaceSwapPlusPayloadType> {
    const { services, caller } = context;
    const request = toFaceSwapPlusRequest(input);
    const { job, deduplicated } = await services.submission.submit(
      caller.tenant,
      request,
      input.idempotencyKey ?? null,
    );
    accept(context, info, job.id);
    return { job: toJobNode(job, services.mediaUrl, request), deduplicated };
  }
}

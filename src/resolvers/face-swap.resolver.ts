/** Submitting jobs: Face Swap Pro and Face Swap Plus. */
import { Arg, Authorized, Ctx, Mutation, Resolver } from 'type-graphql';
import { SubmitFaceSwapInput, toFaceSwapRequest } from '../schema/face-swap.input.js';
import { SubmitFaceSwapPayloadType } from '../schema/face-swap-job.type.js';
import { SubmitFaceSwapPlusInput, toFaceSwapPlusRequest } from '../schema/face-swap-plus.input.js';
import { SubmitFaceSwapPlusPayloadType } from '../schema/face-swap-plus-job.type.js';
import { toFaceSwapJob, toFaceSwapPlusJob } from '../schema/job-node.js';
import type { GatewayContext } from './context.js';

@Resolver()
export class FaceSwapResolver {
  @Authorized()
  @Mutation(() => SubmitFaceSwapPayloadType, {
    description:
      'Submits a swap of pictures. The job is stored before this answers; if a slot was free, the answer carries what Akool said too.',
  })
  async submitFaceSwap(
    @Arg('input', () => SubmitFaceSwapInput) input: SubmitFaceSwapInput,
    @Ctx() { services: { submission, mediaUrl }, caller }: GatewayContext,
  ): Promise<SubmitFaceSwapPayloadType> {
    const request = toFaceSwapRequest(input);
    const { job, deduplicated } = await submission.submit(
      caller.tenant,
      request,
      input.idempotencyKey ?? null,
    );
    return { job: toFaceSwapJob(job, mediaUrl), deduplicated };
  }

  @Authorized()
  @Mutation(() => SubmitFaceSwapPlusPayloadType, {
    description:
      'Submits a swap of several faces, in a picture or a video. The same life as `submitFaceSwap`.',
  })
  async submitFaceSwapPlus(
    @Arg('input', () => SubmitFaceSwapPlusInput) input: SubmitFaceSwapPlusInput,
    @Ctx() { services: { submission, mediaUrl }, caller }: GatewayContext,
  ): Promise<SubmitFaceSwapPlusPayloadType> {
    const request = toFaceSwapPlusRequest(input);
    const { job, deduplicated } = await submission.submit(
      caller.tenant,
      request,
      input.idempotencyKey ?? null,
    );
    return { job: toFaceSwapPlusJob(job, mediaUrl), deduplicated };
  }
}

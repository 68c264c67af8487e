/** Submitting Face Swap Pro jobs. */
import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { SubmitFaceSwapInput, toFaceSwapRequest } from '../schema/face-swap.input.js';
import { SubmitFaceSwapPayloadType } from '../schema/face-swap-job.type.js';
import { toFaceSwapJob } from '../schema/job-node.js';
import type { GatewayContext } from './context.js';

@Resolver()
export class FaceSwapResolver {
  @Mutation(() => SubmitFaceSwapPayloadType, {
    description:
      'Submits a swap. The job is stored before this answers; if a slot was free, the answer carries what Akool said too.',
  })
  async submitFaceSwap(
    @Arg('input', () => SubmitFaceSwapInput) input: SubmitFaceSwapInput,
    @Ctx() { submission, caller }: GatewayContext,
  ): Promise<SubmitFaceSwapPayloadType> {
    const { job, deduplicated } = await submission.submit(
      caller.tenant,
      toFaceSwapRequest(input),
      input.idempotencyKey ?? null,
    );
    return { job: toFaceSwapJob(job), deduplicated };
  }
}

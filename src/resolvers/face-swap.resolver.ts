/** The submit mutations: Face Swap Pro and Face Swap Plus. */
import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Authorized, Ctx, Info, Mutation, Resolver } from 'type-graphql';
import { InputError } from '../errors.js';
import { addressesIn } from '../schema/addresses.js';
import { SubmitFaceSwapInput, toFaceSwapRequest } from '../schema/face-swap.input.js';
import { SubmitFaceSwapPayloadType } from '../schema/face-swap-job.type.js';
import { SubmitFaceSwapPlusInput, toFaceSwapPlusRequest } from '../schema/face-swap-plus.input.js';
import { SubmitFaceSwapPlusPayloadType } from '../schema/face-swap-plus-job.type.js';
import { type JobNode, toJobNode } from '../schema/job-node.js';
import type { JobRequest } from '../services/jobs/job-request.js';
import { UnusableUploads } from '../services/jobs/unusable-uploads.js';
import { refusedAt } from '../services/uploads/upload-service.js';
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
    return submit(input, toFaceSwapRequest(input), context, info);
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
    return submit(input, toFaceSwapPlusRequest(input), context, info);
  }
}

/** @throws InputError for addresses at which the caller has no upload that is ready */
async function submit(
  input: SubmitFaceSwapInput | SubmitFaceSwapPlusInput,
  request: JobRequest,
  context: GatewayContext,
  info: GraphQLResolveInfo,
): Promise<{ readonly job: JobNode; readonly deduplicated: boolean }> {
  const { services, caller } = context;
  const named = services.uploads.namedAt(addressesIn(input));
  const names = [...new Set(named.map(({ name }) => name))];
  const labels = { reference: input.reference ?? null, metadata: input.metadata ?? null };
  const { job, deduplicated } = await services.submission
    .submit(caller.tenant, request, input.idempotencyKey ?? null, labels, names)
    .catch((error: unknown) => {
      throw error instanceof UnusableUploads ? new InputError(refusedAt(named, error)) : error;
    });
  accept(context, info, job.id);
  const node = toJobNode(job, services.mediaUrl, request);
  // The same key may have come with other metadata before.
  if (!deduplicated) node.metadata = labels.metadata;
  return { job: node, deduplicated };
}

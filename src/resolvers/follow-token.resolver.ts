/** Creates tokens for following one job, by themselves and with the submit. */
import { Arg, Authorized, Ctx, FieldResolver, ID, Int, Mutation, Resolver, Root } from 'type-graphql';
import { InputError, jobNotFound } from '../errors.js';
import { SubmitFaceSwapPayloadType } from '../schema/face-swap-job.type.js';
import { SubmitFaceSwapPlusPayloadType } from '../schema/face-swap-plus-job.type.js';
import { FollowTokenType } from '../schema/follow-token.type.js';
import type { FollowToken } from '../services/auth/follow-tokens.js';
import type { GatewayContext } from './context.js';

const MAX_SECONDS = 7 * 24 * 60 * 60;

const ExpiresInSeconds = () => Arg('expiresInSeconds', () => Int, { defaultValue: 3600 });
const FollowTokenField = () =>
  FieldResolver(() => FollowTokenType, {
    nullable: true,
    description:
      'A token that may read and follow only this job, for 1 second to 7 days. Null if it could not be made: the job is stored nevertheless.',
  });

interface Payload {
  readonly job: { readonly id: string };
}

@Resolver()
export class FollowTokenResolver {
  @Authorized()
  @Mutation(() => FollowTokenType, {
    description: 'Creates a token that may read and follow only this job, for 1 second to 7 days.',
  })
  async createFollowToken(
    @Arg('jobId', () => ID) jobId: string,
    @ExpiresInSeconds() expiresInSeconds: number,
    @Ctx() context: GatewayContext,
  ): Promise<FollowToken> {
    const { services, caller } = context;
    // First, because it needs no read.
    checkExpiry(expiresInSeconds);
    if ((await services.jobs.find(caller.tenant, jobId)) === null) throw jobNotFound();
    return create(jobId, expiresInSeconds, context);
  }
}

@Resolver(() => SubmitFaceSwapPayloadType)
export class SubmitFaceSwapPayloadResolver {
  @FollowTokenField()
  followToken(
    @Root() { job }: Payload,
    @ExpiresInSeconds() expiresInSeconds: number,
    @Ctx() context: GatewayContext,
  ): Promise<FollowToken> {
    return create(job.id, expiresInSeconds, context);
  }
}

@Resolver(() => SubmitFaceSwapPlusPayloadType)
export class SubmitFaceSwapPlusPayloadResolver {
  @FollowTokenField()
  followToken(
    @Root() { job }: Payload,
    @ExpiresInSeconds() expiresInSeconds: number,
    @Ctx() context: GatewayContext,
  ): Promise<FollowToken> {
    return create(job.id, expiresInSeconds, context);
  }
}

/** @throws InputError */
function checkExpiry(expiresInSeconds: number): void {
  if (expiresInSeconds >= 1 && expiresInSeconds <= MAX_SECONDS) return;
  const message = `must be from 1 to ${MAX_SECONDS}`;
  throw new InputError([{ path: 'expiresInSeconds', code: 'EXPIRY_INVALID', message }]);
}

/** @throws InputError */
async function create(
  jobId: string,
  expiresInSeconds: number,
  { services: { followTokens }, caller }: GatewayContext,
): Promise<FollowToken> {
  checkExpiry(expiresInSeconds);
  return followTokens.create(caller.tenant, jobId, Date.now() + expiresInSeconds * 1000);
}

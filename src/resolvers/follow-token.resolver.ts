/** Creates tokens for following one job. */
import { Arg, Authorized, Ctx, ID, Int, Mutation, Resolver } from 'type-graphql';
import { InputError, jobNotFound } from '../errors.js';
import { FollowTokenType } from '../schema/follow-token.type.js';
import type { FollowToken } from '../services/auth/follow-tokens.js';
import type { GatewayContext } from './context.js';

const MAX_SECONDS = 7 * 24 * 60 * 60;

@Resolver()
export class FollowTokenResolver {
  @Authorized()
  @Mutation(() => FollowTokenType, {
    description: 'Creates a token that may read and follow only this job, for 1 second to 7 days.',
  })
  async createFollowToken(
    @Arg('jobId', () => ID) jobId: string,
    @Arg('expiresInSeconds', () => Int, { defaultValue: 3600 }) expiresInSeconds: number,
    @Ctx() { services: { jobs, followTokens }, caller }: GatewayContext,
  ): Promise<FollowToken> {
    if (expiresInSeconds < 1 || expiresInSeconds > MAX_SECONDS) {
      const message = `must be from 1 to ${MAX_SECONDS}`;
      throw new InputError([{ path: 'expiresInSeconds', code: 'EXPIRY_INVALID', message }]);
    }
    if ((await jobs.find(caller.tenant, jobId)) === null) throw jobNotFound();
    return followTokens.create(caller.tenant, jobId, Date.now() + expiresInSeconds * 1000);
  }
}

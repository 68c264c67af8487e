/** The Akool account. Each field is resolved separately, so only a query for the credit calls Akool. */
import { Authorized, Ctx, FieldResolver, Float, Query, Resolver } from 'type-graphql';
import { AccountType, SlotUsageType, UploadUsageType } from '../schema/account.type.js';
import { WaitingReasonEnum } from '../schema/enums.js';
import type { WaitingReason } from '../services/jobs/waiting-reason.js';
import type { GatewayContext } from './context.js';

@Resolver(() => AccountType)
export class AccountResolver {
  @Authorized()
  @Query(() => AccountType, { description: 'The balance at Akool, and the use of the provider slots.' })
  account(): AccountType {
    return new AccountType();
  }

  @FieldResolver(() => Float, { description: "The balance in Akool's credits, at most a few seconds old." })
  credit(@Ctx() { services: { account } }: GatewayContext): Promise<number> {
    return account.credit();
  }

  @FieldResolver(() => SlotUsageType)
  slots(@Ctx() { services: { account } }: GatewayContext): Promise<SlotUsageType> {
    return account.slots();
  }

  @FieldResolver(() => UploadUsageType)
  uploads(@Ctx() { services: { uploads }, caller }: GatewayContext): Promise<UploadUsageType> {
    return uploads.usage(caller.tenant);
  }

  @FieldResolver(() => WaitingReasonEnum, {
    nullable: true,
    description: 'Why dispatch as a whole is paused; null if it is not.',
  })
  waitingReason(@Ctx() { services: { waiting } }: GatewayContext): Promise<WaitingReason | null> {
    return waiting.ofDispatch();
  }
}

/** The Akool account, field by field: only who asks for the credit asks Akool. */
import { Authorized, Ctx, FieldResolver, Float, Query, Resolver } from 'type-graphql';
import { AccountType, SlotUsageType } from '../schema/account.type.js';
import type { GatewayContext } from './context.js';

@Resolver(() => AccountType)
export class AccountResolver {
  @Authorized()
  @Query(() => AccountType, { description: 'The balance at Akool, and how its slots are used.' })
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
}

/** The Akool account. Its fields are looked up one by one: see `AccountResolver`. */
import { Field, Int, ObjectType } from 'type-graphql';

@ObjectType('SlotUsage', {
  simpleResolvers: true,
  description: 'How the places for jobs at Akool are used, over all callers.',
})
export class SlotUsageType {
  @Field(() => Int, { description: 'How many jobs may be at Akool at once.' })
  limit: number;

  @Field(() => Int, { description: 'How many are, or may be.' })
  used: number;

  @Field(() => Int, { description: 'How many wait for a place.' })
  waiting: number;
}

@ObjectType('Account', { simpleResolvers: true })
export class AccountType {}

/** The Akool account. `AccountResolver` resolves each field separately. */
import { Field, Float, Int, ObjectType } from 'type-graphql';

@ObjectType('SlotUsage', {
  simpleResolvers: true,
  description: 'Use of the provider slots, across all callers.',
})
export class SlotUsageType {
  @Field(() => Int, { description: 'How many jobs may be at Akool at once.' })
  limit: number;

  @Field(() => Int, {
    description: 'How many slots are in use, including those of jobs that Akool may or may not have.',
  })
  used: number;

  @Field(() => Int, { description: 'How many jobs are waiting for a slot.' })
  waiting: number;
}

@ObjectType('UploadUsage', { simpleResolvers: true, description: "Use of your tenant's room for uploads." })
export class UploadUsageType {
  @Field(() => Float, { description: 'The bytes of your uploads, and of those that may still be sent.' })
  bytes: number;

  @Field(() => Float, { nullable: true, description: 'How many there may be; null if there is no limit.' })
  limit: number | null;
}

@ObjectType('Account', { simpleResolvers: true })
export class AccountType {}

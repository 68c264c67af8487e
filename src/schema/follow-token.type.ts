/** A token that follows one job. */
import { Field, ObjectType } from 'type-graphql';
import { DateTimeScalar } from './scalars.js';

@ObjectType('FollowToken', {
  simpleResolvers: true,
  description:
    'May read and follow one job, and nothing else: for a browser, where your own credentials must not be.',
})
export class FollowTokenType {
  @Field(() => String, {
    description: 'Send it as `Authorization: Bearer …`, or in `connectionParams.authorization`.',
  })
  token: string;

  @Field(() => DateTimeScalar)
  expiresAt: number;
}

/** A token for following one job. */
import { Field, ObjectType } from 'type-graphql';
import { DateTimeScalar } from './scalars.js';

@ObjectType('FollowToken', {
  simpleResolvers: true,
  description:
    'A token that may only read and follow one job. Give it to a browser, which must not have your own credentials.',
})
export class FollowTokenType {
  @Field(() => String, {
    description: 'Send it as `Authorization: Bearer …`, or in `connectionParams.authorization`.',
  })
  token: string;

  @Field(() => DateTimeScalar)
  expiresAt: number;
}

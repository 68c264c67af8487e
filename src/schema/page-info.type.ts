/** Where a page lies in its list, following the Relay Cursor Connections Specification. */
import { Field, ObjectType } from 'type-graphql';

@ObjectType('PageInfo', { simpleResolvers: true })
export class PageInfoType {
  @Field(() => Boolean, { description: 'Whether there are older ones than the last one on this page.' })
  hasNextPage: boolean;

  @Field(() => Boolean, { description: 'Whether there are newer ones than the first one on this page.' })
  hasPreviousPage: boolean;

  @Field(() => String, { nullable: true })
  startCursor: string | null;

  @Field(() => String, { nullable: true })
  endCursor: string | null;
}

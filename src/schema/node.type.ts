/** Relay's Global Object Identification. */
import { Field, ID, InterfaceType } from 'type-graphql';

@InterfaceType('Node', {
  description: 'Something that `node` finds by its id. Ids are unique over all types.',
  resolveType: ({ __typename }: { readonly __typename: string }) => __typename,
})
export abstract class NodeType {
  @Field(() => ID)
  id: string;
}

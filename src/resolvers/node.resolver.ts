/** Finds anything by its id. */
import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { type JobNode, toJobNode } from '../schema/job-node.js';
import { NodeType } from '../schema/node.type.js';
import { toUploadNode, type UploadNode } from '../schema/upload.type.js';
import { mayRead } from '../services/auth/caller.js';
import type { GatewayContext } from './context.js';

@Resolver()
export class NodeResolver {
  @Query(() => NodeType, {
    nullable: true,
    description: 'One of your jobs or uploads; null if there is none with this id.',
  })
  async node(
    @Arg('id', () => ID) id: string,
    @Ctx() { services: { jobs, uploads, mediaUrl }, caller }: GatewayContext,
  ): Promise<JobNode | UploadNode | null> {
    const job = mayRead(caller, id) ? await jobs.find(caller.tenant, id) : null;
    if (job !== null) return toJobNode(job, mediaUrl);
    const upload = caller.onlyJob === null ? await uploads.find(caller.tenant, id) : null;
    return upload === null ? null : toUploadNode(upload, uploads);
  }
}

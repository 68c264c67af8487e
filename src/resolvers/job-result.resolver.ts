/** The fields of a job's result that have arguments. */
import { Arg, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { JobResultType } from '../schema/job.type.js';
import type { JobResultNode } from '../schema/job-node.js';
import { UrlScalar } from '../schema/scalars.js';
import { downloadName } from '../services/media/download-name.js';
import type { GatewayContext } from './context.js';

@Resolver(() => JobResultType)
export class JobResultResolver {
  @FieldResolver(() => UrlScalar, {
    nullable: true,
    description:
      'Where the copy is saved instead of shown, even by a page of another origin; null until there is a copy. It is saved as `fileName`: characters that some system does not allow are replaced, and the right extension is added if it is missing.',
  })
  downloadUrl(
    @Root() { archive }: JobResultNode,
    @Arg('fileName', () => String, { nullable: true }) fileName: string | null,
    @Ctx() { services: { mediaUrl } }: GatewayContext,
  ): string | null {
    if (archive === null) return null;
    return `${mediaUrl(archive)}?download=${encodeURIComponent(downloadName(archive.name, fileName))}`;
  }
}

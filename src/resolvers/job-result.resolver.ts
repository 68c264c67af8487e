/** The fields of a job's result that have arguments. */
import { Arg, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import { InputError } from '../errors.js';
import { JobResultType } from '../schema/job.type.js';
import type { JobResultNode } from '../schema/job-node.js';
import { UrlScalar } from '../schema/scalars.js';
import { downloadName } from '../services/media/download-name.js';
import { hasThumbnails, THUMBNAIL_WIDTHS } from '../services/media/thumbnail-name.js';
import type { GatewayContext } from './context.js';

const LEAST_WIDTH = 16;
const MOST_WIDTH = Math.max(...THUMBNAIL_WIDTHS);

@Resolver(() => JobResultType)
export class JobResultResolver {
  @FieldResolver(() => UrlScalar, {
    nullable: true,
    description:
      'The URL of the copy for a download link, even in a page of another origin; null until there is a copy. Browsers save it as `fileName`, in which characters that some system does not allow are replaced; the right extension is added if it is missing.',
  })
  downloadUrl(
    @Root() { archive }: JobResultNode,
    @Arg('fileName', () => String, { nullable: true }) fileName: string | null,
    @Ctx() { services: { mediaUrl } }: GatewayContext,
  ): string | null {
    if (archive === null) return null;
    return `${mediaUrl(archive)}?download=${encodeURIComponent(downloadName(archive.name, fileName))}`;
  }

  @FieldResolver(() => UrlScalar, {
    nullable: true,
    description:
      'A small version of the copy for lists and previews, in WebP, made when it is first asked for. `width` is from 16 to 1024, and rounded up to 64, 128, 320, 640 or 1024 pixels; a narrower copy keeps its own width. Null until there is a copy, and if it is not a JPEG, PNG or WebP picture.',
  })
  thumbnailUrl(
    @Root() { archive }: JobResultNode,
    @Arg('width', () => Int, { defaultValue: 320 }) width: number,
    @Ctx() { services: { mediaUrl } }: GatewayContext,
  ): string | null {
    const made = THUMBNAIL_WIDTHS.find((one) => one >= width);
    if (made === undefined || width < LEAST_WIDTH) {
      const message = `must be from ${LEAST_WIDTH} to ${MOST_WIDTH}`;
      throw new InputError([{ path: 'width', code: 'WIDTH_INVALID', message }]);
    }
    return archive !== null && hasThumbnails(archive.name) ? `${mediaUrl(archive)}/${made}` : null;
  }
}

/** Announces, reads and deletes uploads. Their bytes are sent over HTTP. */
import { Arg, Authorized, Ctx, ID, Int, Mutation, Query, Resolver } from 'type-graphql';
import { CreateUploadInput, toAnnouncement } from '../schema/upload.input.js';
import {
  CreateUploadPayloadType,
  toUploadNode,
  UploadConnectionType,
  UploadType,
} from '../schema/upload.type.js';
import type { GatewayContext } from './context.js';
import { toConnection, toPageRequest } from './pages.js';

@Resolver()
export class UploadResolver {
  @Authorized()
  @Query(() => UploadType, {
    nullable: true,
    description: 'One of your uploads; null if there is none with this id, or it was erased.',
  })
  async upload(
    @Arg('id', () => ID) id: string,
    @Ctx() { services: { uploads }, caller }: GatewayContext,
  ): Promise<UploadType | null> {
    const upload = await uploads.find(caller.tenant, id);
    return upload === null ? null : toUploadNode(upload, uploads);
  }

  @Authorized()
  @Query(() => UploadConnectionType, {
    description:
      'Your uploads, newest first, 1 to 100 per page (default 20). Pass `first` and `after`, or `last` and `before`.',
  })
  async uploads(
    @Arg('first', () => Int, { nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('last', () => Int, { nullable: true }) last: number | null,
    @Arg('before', () => String, { nullable: true }) before: string | null,
    @Ctx() { services: { uploads, uploadCursors }, caller }: GatewayContext,
  ): Promise<UploadConnectionType> {
    const page = toPageRequest({ first, after, last, before }, uploadCursors);
    const found = await uploads.list(caller.tenant, page);
    return toConnection(found.uploads, found, uploadCursors, (upload) => toUploadNode(upload, uploads));
  }

  @Authorized()
  @Mutation(() => CreateUploadPayloadType, {
    description:
      'Announces a picture or video. PUT its bytes to `putUrl` within 15 minutes; when that is answered with 201, the upload is READY, and its `url` can be submitted.',
  })
  async createUpload(
    @Arg('input', () => CreateUploadInput) input: CreateUploadInput,
    @Ctx() { services: { uploads }, caller }: GatewayContext,
  ): Promise<CreateUploadPayloadType> {
    const { upload, deduplicated } = await uploads.create(caller.tenant, toAnnouncement(input));
    return { upload: toUploadNode(upload, uploads), deduplicated };
  }

  @Authorized()
  @Mutation(() => ID, {
    description:
      'Deletes an upload at once. Refused with CONFLICT while a job that has not finished needs it.',
  })
  async deleteUpload(
    @Arg('id', () => ID) id: string,
    @Ctx() { services: { uploadSweeper }, caller }: GatewayContext,
  ): Promise<string> {
    await uploadSweeper.delete(caller.tenant, id);
    return id;
  }
}

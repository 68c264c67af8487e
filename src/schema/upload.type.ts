/** An upload, and pages of them. */
import { Field, Float, Int, ObjectType } from 'type-graphql';
import type { Upload, UploadStatus } from '../services/uploads/upload.js';
import { UploadStatusEnum } from './enums.js';
import { NodeType } from './node.type.js';
import { PageInfoType } from './page-info.type.js';
import { DateTimeScalar, UrlScalar } from './scalars.js';

@ObjectType('HttpHeader', { simpleResolvers: true })
class HttpHeaderType {
  @Field(() => String)
  name: string;

  @Field(() => String)
  value: string;
}

@ObjectType('Upload', {
  simpleResolvers: true,
  implements: NodeType,
  description:
    'A picture or video that you send to the gateway, so that you can put its `url` where the address of one goes.',
})
export class UploadType extends NodeType {
  @Field(() => UploadStatusEnum)
  status: UploadStatus;

  @Field(() => UrlScalar, {
    description:
      "Put it where a picture's or video's address goes. Nobody can guess it; whoever has it can download the file, once it is READY.",
  })
  url: string;

  @Field(() => UrlScalar, {
    nullable: true,
    description:
      'PUT the bytes here, with `headers`, beginning before `expiresAt`. No other permission is needed, so a back end may pass it on to a browser. Null once READY.',
  })
  putUrl: string | null;

  @Field(() => [HttpHeaderType], { description: 'The headers that the PUT must have; none once READY.' })
  headers: HttpHeaderType[];

  @Field(() => String, { description: 'As announced while AWAITING, then of what `url` serves.' })
  contentType: string;

  @Field(() => Int, { description: 'In bytes. As announced while AWAITING, then of what `url` serves.' })
  byteSize: number;

  @Field(() => Int, {
    nullable: true,
    description: 'In pixels, upright. Null until READY, and for a video that does not tell.',
  })
  width: number | null;

  @Field(() => Int, { nullable: true, description: 'Likewise.' })
  height: number | null;

  @Field(() => Float, { nullable: true, description: 'Of a video that tells.' })
  durationSeconds: number | null;

  @Field(() => String, {
    nullable: true,
    description:
      'SHA-256 of what `url` serves, in hex; null until READY. It differs from the announced one if the picture was changed.',
  })
  sha256: string | null;

  @Field(() => DateTimeScalar)
  createdAt: number;

  @Field(() => DateTimeScalar, {
    description:
      'While AWAITING: when the permission to send it ends. Then: when it is erased, unless an unfinished job needs it. A job that names it moves this: an upload is kept for a while after the last of its jobs has ended.',
  })
  expiresAt: number;
}

@ObjectType('UploadEdge', { simpleResolvers: true })
class UploadEdgeType {
  @Field(() => String)
  cursor: string;

  @Field(() => UploadType)
  node: UploadType;
}

@ObjectType('UploadConnection', { simpleResolvers: true, description: 'A page of uploads, newest first.' })
export class UploadConnectionType {
  @Field(() => [UploadEdgeType])
  edges: UploadEdgeType[];

  @Field(() => PageInfoType)
  pageInfo: PageInfoType;
}

@ObjectType('CreateUploadPayload', { simpleResolvers: true })
export class CreateUploadPayloadType {
  @Field(() => UploadType)
  upload: UploadType;

  @Field(() => Boolean, {
    description:
      'True if you had sent the same bytes before: the upload is READY, and nothing has to be sent.',
  })
  deduplicated: boolean;
}

/** The addresses of an upload. */
export interface UploadUrls {
  urlOf(upload: Upload): string;
  putUrlOf(upload: Upload): string;
}

export interface UploadNode extends UploadType {
  readonly __typename: 'Upload';
}

export function toUploadNode(upload: Upload, urls: UploadUrls): UploadNode {
  const { kept, announced } = upload;
  const { contentType, byteSize } = kept ?? announced;
  return {
    __typename: 'Upload',
    id: upload.id,
    status: upload.status,
    url: urls.urlOf(upload),
    putUrl: kept === null ? urls.putUrlOf(upload) : null,
    headers: kept === null ? [{ name: 'content-type', value: contentType }] : [],
    contentType,
    byteSize,
    width: kept?.width ?? null,
    height: kept?.height ?? null,
    durationSeconds: kept?.durationSeconds ?? null,
    sha256: kept?.sha256 ?? null,
    createdAt: upload.createdAt,
    expiresAt: upload.expiresAt,
  };
}

/** The input of `createUpload`. */
import { Field, InputType, Int } from 'type-graphql';
import { toUploadType } from '../services/uploads/announced-type.js';
import type { Announcement } from '../services/uploads/upload.js';
import { IsByteSize, IsSha256, IsUploadType } from './rules.js';

@InputType('CreateUploadInput', { description: 'What you are going to send.' })
export class CreateUploadInput {
  @Field(() => String, {
    description:
      'image/jpeg, image/png, image/webp, video/mp4, video/quicktime, video/webm or video/x-msvideo.',
  })
  @IsUploadType()
  contentType: string;

  @Field(() => Int, { description: 'Exactly how many bytes.' })
  @IsByteSize()
  byteSize: number;

  @Field(() => String, {
    nullable: true,
    description:
      'SHA-256 of the bytes, in hex. If you have sent the same bytes before, and they are still there, you get that upload, and nothing has to be sent.',
  })
  @IsSha256()
  sha256: string | null;
}

/** Converts the input to the form that is stored. */
export function toAnnouncement({ contentType, byteSize, sha256 }: CreateUploadInput): Announcement {
  return {
    contentType: toUploadType(contentType) ?? contentType,
    byteSize,
    sha256: sha256?.toLowerCase() ?? null,
  };
}

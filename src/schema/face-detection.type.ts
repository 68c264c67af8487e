/** The input and the result of `detectFaces`. */
import { IsOptional, Max, Min } from 'class-validator';
import { Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import type { DetectedFrame } from '../services/akool/akool-client.js';
import { optsOf } from '../services/faces/detection-cache.js';
import { PointType, RectangleType } from './geometry.type.js';
import { IsHttpUrl } from './rules.js';
import { UrlScalar } from './scalars.js';

@InputType('DetectFacesInput', { description: 'Either `url` or `image`.' })
export class DetectFacesInput {
  @Field(() => UrlScalar, { nullable: true, description: 'A picture or video.' })
  @IsOptional()
  @IsHttpUrl()
  url: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'A picture in base64, plain or as a data URI; at most 5 MB decoded.',
  })
  image: string | null;

  @Field(() => Int, {
    nullable: true,
    description: "How many frames of a video to examine, 1 to 100 (Akool's default is 5).",
  })
  @IsOptional()
  @Min(1, framesRule())
  @Max(100, framesRule())
  numFrames: number | null;

  @Field(() => Boolean, { defaultValue: false, description: 'Return only the largest face of each frame.' })
  singleFace: boolean;
}

@ObjectType('DetectedFace', { simpleResolvers: true })
class DetectedFaceType {
  @Field(() => [PointType], {
    description:
      'Six points in the whole picture: left eye, right eye, nose, mouth centre, left and right mouth corner.',
  })
  landmarks: readonly PointType[];

  @Field(() => String, {
    nullable: true,
    description: 'The value to pass as `FaceImageInput.opts`: `cropLandmarks`, or else `landmarksStr`.',
  })
  opts: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Landmarks in the whole picture, in the form of `opts`.',
  })
  landmarksStr: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Landmarks in the cropped face, in the form of `opts`.',
  })
  cropLandmarks: string | null;

  @Field(() => UrlScalar, { nullable: true, description: 'The cropped face.' })
  faceUrl: string | null;

  @Field(() => RectangleType, { description: 'The face in the whole picture.' })
  region: RectangleType;

  @Field(() => RectangleType, {
    nullable: true,
    description: 'The part of the whole picture that `faceUrl` shows.',
  })
  cropRegion: RectangleType | null;
}

@ObjectType('DetectedFrame', { simpleResolvers: true })
class DetectedFrameType {
  @Field(() => Int, { description: 'The number of the frame; 0 for a picture.' })
  index: number;

  @Field(() => Float, {
    nullable: true,
    description: 'Seconds from the start of the video; null for a picture.',
  })
  timeSeconds: number | null;

  @Field(() => [DetectedFaceType], { description: 'Empty if no face was found.' })
  faces: readonly DetectedFaceType[];
}

@ObjectType('FaceDetection', { simpleResolvers: true })
export class FaceDetectionType {
  @Field(() => [DetectedFrameType], { description: 'One for a picture; several for a video.' })
  frames: readonly DetectedFrameType[];
}

export function toFaceDetection(frames: readonly DetectedFrame[]): FaceDetectionType {
  return {
    frames: frames.map((frame) => ({
      ...frame,
      faces: frame.faces.map((face) => ({ ...face, opts: optsOf(face) })),
    })),
  };
}

function framesRule() {
  return { context: { code: 'NUM_FRAMES_INVALID' }, message: 'must be from 1 to 100' };
}

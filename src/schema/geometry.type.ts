/** Points and rectangles in a picture. */
import { Max, Min } from 'class-validator';
import { Field, Float, InputType, ObjectType } from 'type-graphql';
import { MAX_COORDINATE, MIN_SIDE } from '../services/akool/akool-client.js';

@ObjectType('Point', { simpleResolvers: true, description: 'In pixels from the top left corner.' })
export class PointType {
  @Field(() => Float)
  x: number;

  @Field(() => Float)
  y: number;
}

@ObjectType('Rectangle', { simpleResolvers: true, description: 'In pixels from the top left corner.' })
export class RectangleType {
  @Field(() => Float)
  x: number;

  @Field(() => Float)
  y: number;

  @Field(() => Float)
  width: number;

  @Field(() => Float)
  height: number;
}

@InputType('RectangleInput', { description: 'A rectangle as `detectFaces` returns it, in pixels.' })
export class RectangleInput {
  @Field(() => Float)
  @Min(-MAX_COORDINATE, placeRule())
  @Max(MAX_COORDINATE, placeRule())
  x: number;

  @Field(() => Float)
  @Min(-MAX_COORDINATE, placeRule())
  @Max(MAX_COORDINATE, placeRule())
  y: number;

  @Field(() => Float)
  @Min(MIN_SIDE, sizeRule())
  @Max(MAX_COORDINATE, sizeRule())
  width: number;

  @Field(() => Float)
  @Min(MIN_SIDE, sizeRule())
  @Max(MAX_COORDINATE, sizeRule())
  height: number;
}

function placeRule() {
  return {
    context: { code: 'REGION_INVALID' },
    message: `must be in pixels, from -${MAX_COORDINATE} to ${MAX_COORDINATE}`,
  };
}

function sizeRule() {
  return {
    context: { code: 'REGION_INVALID' },
    message: `must be in pixels, from ${MIN_SIDE} to ${MAX_COORDINATE}`,
  };
}

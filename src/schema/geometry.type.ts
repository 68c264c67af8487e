/** Points and rectangles in a picture. */
import { Max, Min } from 'class-validator';
import { Field, Float, InputType, ObjectType } from 'type-graphql';

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

/** In pixels. No picture is this large, and sums of such numbers stay exact. */
const FARTHEST = 1_000_000;

@InputType('RectangleInput', { description: 'A rectangle as `detectFaces` returns it, in pixels.' })
export class RectangleInput {
  @Field(() => Float)
  @Min(-FARTHEST, placeRule())
  @Max(FARTHEST, placeRule())
  x: number;

  @Field(() => Float)
  @Min(-FARTHEST, placeRule())
  @Max(FARTHEST, placeRule())
  y: number;

  @Field(() => Float)
  @Min(0.01, sizeRule())
  @Max(FARTHEST, sizeRule())
  width: number;

  @Field(() => Float)
  @Min(0.01, sizeRule())
  @Max(FARTHEST, sizeRule())
  height: number;
}

function placeRule() {
  return {
    context: { code: 'REGION_INVALID' },
    message: `must be in pixels, from -${FARTHEST} to ${FARTHEST}`,
  };
}

function sizeRule() {
  return { context: { code: 'REGION_INVALID' }, message: `must be in pixels, above 0 and up to ${FARTHEST}` };
}

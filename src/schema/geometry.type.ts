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
  @Min(-FARTHEST, PLACE())
  @Max(FARTHEST, PLACE())
  x: number;

  @Field(() => Float)
  @Min(-FARTHEST, PLACE())
  @Max(FARTHEST, PLACE())
  y: number;

  @Field(() => Float)
  @Min(0.01, SIZE())
  @Max(FARTHEST, SIZE())
  width: number;

  @Field(() => Float)
  @Min(0.01, SIZE())
  @Max(FARTHEST, SIZE())
  height: number;
}

function PLACE() {
  return {
    context: { code: 'REGION_INVALID' },
    message: `must be in pixels, from -${FARTHEST} to ${FARTHEST}`,
  };
}

function SIZE() {
  return { context: { code: 'REGION_INVALID' }, message: `must be in pixels, above 0 and up to ${FARTHEST}` };
}

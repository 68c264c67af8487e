/** Points and rectangles in a picture. */
import { Field, Float, InputType, ObjectType } from 'type-graphql';

@ObjectType('Point', { description: 'In pixels from the top left corner.' })
export class PointType {
  @Field(() => Float)
  x: number;

  @Field(() => Float)
  y: number;
}

@ObjectType('Rectangle', { description: 'In pixels from the top left corner.' })
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

@InputType('RectangleInput', { description: 'A rectangle as `detectFaces` gives it, in pixels.' })
export class RectangleInput {
  @Field(() => Float)
  x: number;

  @Field(() => Float)
  y: number;

  @Field(() => Float)
  width: number;

  @Field(() => Float)
  height: number;
}

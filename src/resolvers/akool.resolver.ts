/** The faces in a picture, asked of Akool at once. */
import { Arg, Authorized, Ctx, Query, Resolver } from 'type-graphql';
import { DetectFacesInput, FaceDetectionType, toFaceDetection } from '../schema/face-detection.type.js';
import type { GatewayContext } from './context.js';

@Resolver()
export class AkoolResolver {
  @Authorized()
  @Query(() => FaceDetectionType, { description: 'The faces in a picture or video, ready to be swapped.' })
  async detectFaces(
    @Arg('input', () => DetectFacesInput) input: DetectFacesInput,
    @Ctx() { services: { faces }, caller }: GatewayContext,
  ): Promise<FaceDetectionType> {
    return toFaceDetection(await faces.detect(caller.tenant, input));
  }
}

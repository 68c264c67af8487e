/** Face detection, which calls Akool directly. */
import { Arg, Authorized, Ctx, Query, Resolver } from 'type-graphql';
import { DetectFacesInput, FaceDetectionType, toFaceDetection } from '../schema/face-detection.type.js';
import type { GatewayContext } from './context.js';

@Resolver()
export class FaceDetectionResolver {
  @Authorized()
  @Query(() => FaceDetectionType, {
    description: 'Detects the faces in a picture or video, in the form that the submit mutations take.',
  })
  async detectFaces(
    @Arg('input', () => DetectFacesInput) input: DetectFacesInput,
    @Ctx() { services: { faces }, caller }: GatewayContext,
  ): Promise<FaceDetectionType> {
    return toFaceDetection(await faces.detect(caller.tenant, input));
  }
}

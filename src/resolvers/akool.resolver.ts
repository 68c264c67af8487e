/** What is asked of Akool at once: the faces in a picture, and the account. */
import { Arg, Authorized, Ctx, Query, Resolver } from 'type-graphql';
import { AccountType } from '../schema/account.type.js';
import { DetectFacesInput, FaceDetectionType, toFaceDetection } from '../schema/face-detection.type.js';
import type { AccountView } from '../services/account.js';
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

  @Authorized()
  @Query(() => AccountType, { description: 'The balance at Akool, and how its slots are used.' })
  account(@Ctx() { services: { account } }: GatewayContext): Promise<AccountView> {
    return account.view();
  }
}

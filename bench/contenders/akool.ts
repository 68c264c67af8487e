/** A submit to Akool, as all contenders but the gateway make it. */
import { Pool } from 'undici';

export interface SubmitInput {
  readonly sourceImage: readonly { readonly path: string; readonly opts?: string | null }[];
  readonly targetImage: readonly { readonly path: string; readonly opts?: string | null }[];
  readonly faceEnhance?: boolean;
  readonly singleFaceMode?: boolean;
}

export interface Taken {
  readonly providerId: string;
  readonly providerJobId: string;
}

export function akoolAt(url: string) {
  const pool = new Pool(url, { connections: 16 });
  return async (input: SubmitInput, webhookUrl: string): Promise<Taken> => {
    const { body } = await pool.request({
      method: 'POST',
      path: '/api/open/v4/faceswap/faceswapByImage',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        sourceImage: input.sourceImage,
        targetImage: input.targetImage,
        model_name: 'akool_faceswap_image_hq',
        face_enhance: input.faceEnhance ?? false,
        single_face_mode: input.singleFaceMode ?? false,
        webhookUrl,
      }),
    });
    const { data } = (await body.json()) as { data: { _id: string; job_id: string } };
    return { providerId: data._id, providerJobId: data.job_id };
  };
}

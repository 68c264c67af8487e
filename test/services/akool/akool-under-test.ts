/** Clients that are closed after each test, and requests to send with them. */
import { onTestFinished } from 'vitest';
import type {
  AkoolClient,
  FaceSwapPlusSubmit,
  FaceSwapSubmit,
} from '../../../src/services/akool/akool-client.js';
import { type AkoolClientOptions, createAkoolClient } from '../../../src/services/akool/http-akool-client.js';
import { type Answer, httpServer, type LocalServer, rawServer } from '../../support/local-server.js';

export const API_KEY = 's3cr3tKeyOf24Characters!';
export const WEBHOOK_TOKEN = 'tokenTokenTokenTokenToken';
export const ACCEPTED = {
  code: 1000,
  msg: 'OK',
  data: { _id: '6593c94c0ef703e8c055e3c8', job_id: '20240102082900592-5653' },
};

export const proRequest: FaceSwapSubmit = {
  sourceImage: [{ path: 'https://example.com/new-face.jpg', opts: null }],
  targetImage: [{ path: 'https://example.com/original.jpg', opts: '262,175:363,175:313,215:272,279' }],
  modelName: 'akool_faceswap_image_hq',
  faceEnhance: false,
  singleFaceMode: true,
  callbackUrl: `https://gateway.example.com/webhooks/akool/${WEBHOOK_TOKEN}`,
};

export const plusRequest: FaceSwapPlusSubmit = {
  sourceUrl: 'https://example.com/new-face.jpg',
  targetUrl: 'https://example.com/video.mp4',
  modelStyle: 'lossless',
  faceMapping: [
    {
      source: { faceUrl: 'https://example.com/a.jpg', bbox: [1, 2, 30, 40] },
      target: { faceUrl: 'https://example.com/b.jpg', bbox: null },
    },
  ],
  faceEnhance: true,
  singleFaceMode: false,
  callbackUrl: null,
};

export function clientOf(url: string, options: Partial<AkoolClientOptions> = {}): AkoolClient {
  const client = createAkoolClient({
    baseUrl: url,
    credentials: { kind: 'api-key', apiKey: API_KEY },
    timeoutMs: 5_000,
    ...options,
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** A server that responds with `answer`, and a client for it. */
export async function akoolThat(
  answer: Answer,
  options: Partial<AkoolClientOptions> = {},
): Promise<{ client: AkoolClient; server: LocalServer }> {
  const server = await httpServer(answer);
  onTestFinished(() => server.close());
  return { client: clientOf(server.url, options), server };
}

/** A TCP server with the given behaviour, and a client for it. */
export async function wireThat(
  scheme: 'http' | 'https',
  onSocket: Parameters<typeof rawServer>[1],
  options: Partial<AkoolClientOptions> = {},
): Promise<{ client: AkoolClient; server: LocalServer }> {
  const server = await rawServer(scheme, onSocket);
  onTestFinished(() => server.close());
  return { client: clientOf(server.url, options), server };
}

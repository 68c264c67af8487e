/**
 * Builds each request as Akool's OpenAPI files describe it.
 *
 * Akool mixes spellings (`sourceImage`, `webhookUrl`, but `face_enhance`), so each body is written out by
 * hand. Keys without a value are omitted, because Akool accepts neither null nor an empty `opts`.
 */
import type { FaceImage, FaceMapping, FaceReference } from '../jobs/job-request.js';
import type { DetectFacesRequest, FaceSwapPlusSubmit, FaceSwapSubmit } from './akool-client.js';

/** A request without credentials. */
export interface WireRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The JSON body; null: none. */
  readonly body: object | null;
}

/** `POST /api/open/v4/faceswap/faceswapByImage` */
export function faceSwapRequest(request: FaceSwapSubmit): WireRequest {
  return post('/api/open/v4/faceswap/faceswapByImage', {
    sourceImage: request.sourceImage.map(imageOnWire),
    targetImage: request.targetImage.map(imageOnWire),
    model_name: request.modelName,
    face_enhance: request.faceEnhance,
    single_face_mode: request.singleFaceMode,
    ...given('webhookUrl', request.callbackUrl),
  });
}

/**
 * `POST /api/open/v4/faceswap/faceswapPlusByImage`; an empty mapping is omitted (single face mode has none).
 */
export function faceSwapPlusRequest(request: FaceSwapPlusSubmit): WireRequest {
  return post('/api/open/v4/faceswap/faceswapPlusByImage', {
    source_url: request.sourceUrl,
    target_url: request.targetUrl,
    model_style: request.modelStyle,
    ...(request.faceMapping.length === 0 ? {} : { face_mapping: request.faceMapping.map(mappingOnWire) }),
    face_enhance: request.faceEnhance,
    single_face_mode: request.singleFaceMode,
    ...given('webhookUrl', request.callbackUrl),
  });
}

/** `GET /api/open/v3/faceswap/result/listbyids`: polls by `_id`, never by `job_id`. */
export function resultsRequest(providerIds: readonly string[]): WireRequest {
  const ids = providerIds.map(encodeURIComponent).join(',');
  return { method: 'GET', path: `/api/open/v3/faceswap/result/listbyids?_ids=${ids}`, body: null };
}

/** `POST /api/open/v3/faceswap/result/delbyids` */
export function deleteResultsRequest(providerIds: readonly string[]): WireRequest {
  return post('/api/open/v3/faceswap/result/delbyids', { _ids: providerIds.join(',') });
}

/** `GET /api/open/v3/faceswap/quota/info` */
export function creditRequest(): WireRequest {
  return { method: 'GET', path: '/api/open/v3/faceswap/quota/info', body: null };
}

/** `POST /interface/detect-api/detect_faces`; `crop_landmarks` is only filled if face URLs are requested. */
export function detectFacesRequest(request: DetectFacesRequest): WireRequest {
  const media = request.url == null ? given('img', request.image) : given('url', request.url);
  return post('/interface/detect-api/detect_faces', {
    ...media,
    ...given('num_frames', request.numFrames),
    return_face_url: true,
    single_face: request.singleFace,
  });
}

/** `POST /api/open/v3/getToken`: the only request without credentials. */
export function tokenRequest(clientId: string, clientSecret: string): WireRequest {
  return post('/api/open/v3/getToken', { clientId, clientSecret });
}

function post(path: string, body: object): WireRequest {
  return { method: 'POST', path, body };
}

function imageOnWire(image: FaceImage): object {
  return { path: image.path, ...given('opts', image.opts || null) };
}

function mappingOnWire(mapping: FaceMapping): object {
  return { source_face_info: faceOnWire(mapping.source), target_face_info: faceOnWire(mapping.target) };
}

function faceOnWire(face: FaceReference): object {
  return { ...given('face_url', face.faceUrl), ...given('bbox', face.bbox) };
}

function given(key: string, value: unknown): object {
  return value === null || value === undefined ? {} : { [key]: value };
}

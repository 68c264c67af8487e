import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormatsModule from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { DetectFacesRequest } from '../../../src/services/akool/akool-client.js';
import {
  deleteResultsRequest,
  detectFacesRequest,
  faceSwapPlusRequest,
  faceSwapRequest,
  resultsRequest,
  type WireRequest,
} from '../../../src/services/akool/requests.js';
import { plusRequest, proRequest } from './akool-under-test.js';

// Under nodenext its types export the function as a namespace; at run time it is both.
const addFormats = addFormatsModule as unknown as (ajv: Ajv) => Ajv;
const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));

interface OpenApi {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: object }> } }>>;
  components: { schemas: Record<string, { properties?: object }> };
}

function openApi(file: string): OpenApi {
  const document: OpenApi = parse(readFileSync(`test/fixtures/akool/${file}`, 'utf8'));
  ajv.addSchema(document, file);
  return document;
}

const faceSwap = openApi('openapi-faceswap.yaml');
const detection = openApi('openapi-face-detection.yaml');

/** Validates a request against the file that describes it; unknown keys are errors too. */
function errorsOf(document: OpenApi, file: string, request: WireRequest, prefix = ''): unknown[] {
  const path = request.path.slice(prefix.length);
  const operation = document.paths[path]?.[request.method.toLowerCase()];
  const schema = operation?.requestBody?.content['application/json']?.schema as
    | { $ref?: string; properties?: object }
    | undefined;
  if (schema === undefined) return [`no ${request.method} ${path}`];
  const validate = ajv.compile(schema.$ref === undefined ? schema : { $ref: `${file}${schema.$ref}` });
  const sent = JSON.parse(JSON.stringify(request.body));
  const named =
    schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? ''];
  const known = Object.keys(named?.properties ?? {});
  const strange = Object.keys(sent).filter((key) => !known.includes(key));
  return validate(sent) ? strange : [...(validate.errors ?? []), ...strange];
}

describe("requests, against Akool's OpenAPI files", () => {
  const image = { path: 'https://example.com/a.jpg', opts: '1,2:3,4:5,6:7,8' };
  const fifty = Array.from({ length: 50 }, () => image);

  it.each([
    ['one face, opts optional', faceSwapRequest(proRequest)],
    ['fifty faces', faceSwapRequest({ ...proRequest, sourceImage: fifty, targetImage: fifty })],
    ['no webhook', faceSwapRequest({ ...proRequest, callbackUrl: null })],
    ['opts null', faceSwapRequest({ ...proRequest, sourceImage: [{ path: image.path, opts: null }] })],
    ['Plus with a mapping', faceSwapPlusRequest(plusRequest)],
    ['Plus with one face', faceSwapPlusRequest({ ...plusRequest, faceMapping: [], singleFaceMode: true })],
    ['delete', deleteResultsRequest(['a', 'b'])],
  ])('are valid: %s', (_what, request) => {
    expect(errorsOf(faceSwap, 'openapi-faceswap.yaml', request)).toEqual([]);
  });

  it.each<[string, DetectFacesRequest]>([
    ['an address', { url: image.path, singleFace: false }],
    ['a picture', { image: 'data:image/png;base64,AAAA', singleFace: true }],
    ['a video', { url: 'https://example.com/a.mp4', image: null, numFrames: 10, singleFace: false }],
  ])('are valid: detection of %s', (_what, input) => {
    const request = detectFacesRequest(input);
    expect(errorsOf(detection, 'openapi-face-detection.yaml', request, '/interface/detect-api')).toEqual([]);
  });
});

describe('a Face Swap Pro request on the wire', () => {
  it('has exactly the keys of the page, and none without a value', () => {
    const { path, body } = faceSwapRequest(proRequest);
    expect(path).toBe('/api/open/v4/faceswap/faceswapByImage');
    expect(body).toStrictEqual({
      sourceImage: [{ path: 'https://example.com/new-face.jpg' }],
      targetImage: [{ path: 'https://example.com/original.jpg', opts: '262,175:363,175:313,215:272,279' }],
      model_name: 'akool_faceswap_image_hq',
      face_enhance: false,
      single_face_mode: true,
      webhookUrl: proRequest.callbackUrl,
    });
  });
});

describe('a Face Swap Plus request on the wire', () => {
  it('has exactly the keys of the OpenAPI file, and none without a value', () => {
    expect(faceSwapPlusRequest(plusRequest).body).toStrictEqual({
      source_url: 'https://example.com/new-face.jpg',
      target_url: 'https://example.com/video.mp4',
      model_style: 'lossless',
      face_mapping: [
        {
          source_face_info: { face_url: 'https://example.com/a.jpg', bbox: [1, 2, 30, 40] },
          target_face_info: { face_url: 'https://example.com/b.jpg' },
        },
      ],
      face_enhance: true,
      single_face_mode: false,
    });
  });
});

describe('other requests on the wire', () => {
  it('ask for face URLs always, for frames only when told, and send the address rather than the picture', () => {
    const both = { url: 'https://example.com/a.jpg', image: 'AAAA', singleFace: true };
    expect(detectFacesRequest(both).body).toStrictEqual({
      url: 'https://example.com/a.jpg',
      return_face_url: true,
      single_face: true,
    });
    expect(detectFacesRequest({ image: 'AAAA', numFrames: 3, singleFace: false }).body).toStrictEqual({
      img: 'AAAA',
      num_frames: 3,
      return_face_url: true,
      single_face: false,
    });
  });

  it('list ids by comma, each encoded', () => {
    expect(resultsRequest(['a', 'b&c']).path).toBe('/api/open/v3/faceswap/result/listbyids?_ids=a,b%26c');
  });
});

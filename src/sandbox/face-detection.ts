/** Akool's face detection on generated scenes: the result for a URL is always the same. */

import { Refusal } from './refusal.js';
import { cropAround, type Face, type Point, type Region, scene, sceneAt, seedOf } from './scene.js';
import { isVideo, record } from './swap-request.js';
import { webAddress } from './web-address.js';

interface FaceDetectionAnswer {
  readonly error_code: number;
  readonly error_msg: string;
  readonly faces_obj: Readonly<Record<string, FaceFrame>>;
}

type Box = readonly [x: number, y: number, width: number, height: number];

export interface FaceFrame {
  readonly landmarks: readonly (readonly (readonly [number, number])[])[];
  readonly landmarks_str: readonly string[];
  readonly region: readonly Box[];
  readonly removed: readonly Box[];
  readonly frame_time: number | null;
  readonly face_urls: readonly string[] | null;
  readonly crop_region: readonly Box[] | null;
  readonly crop_landmarks: readonly string[] | null;
}

/** Frames per second of the sandbox's videos; every 5th frame is examined. */
const FRAMES_PER_SECOND = 25;
const FRAME_STEP = 5;

/**
 * @param faceUrl returns the URL of a cropped face
 * @throws Refusal with HTTP status 400 for an invalid parameter, 500 for media that cannot be downloaded
 */
export function detectFaces(body: unknown, faceUrl: (name: string) => string): FaceDetectionAnswer {
  const query = readQuery(body);
  const faces_obj: Record<string, FaceFrame> = {};
  let before: readonly Box[] = [];
  for (let nth = 0; nth < (query.video ? query.frames : 1); nth++) {
    const frame = nth * FRAME_STEP;
    const seen = scene(query.seed, query.count, frame).faces.map((face, index) => ({ face, index }));
    const kept = query.singleFace ? seen.sort((a, b) => area(b.face) - area(a.face)).slice(0, 1) : seen;
    const found = frameData(
      kept.map(({ face }) => face),
      query.returnFaceUrl
        ? kept.map(({ index }) => faceUrl(`${query.seed}-${query.count}-${frame}-${index}.png`))
        : null,
    );
    faces_obj[frame] = {
      ...found,
      removed: before,
      frame_time: query.video ? frame / FRAMES_PER_SECOND : null,
    };
    before = found.region;
  }
  return { error_code: 0, error_msg: 'SUCCESS', faces_obj };
}

/** Converts a refusal to the form of face detection. */
export function detectionRefused(refusal: Refusal): FaceDetectionAnswer & { code: number; msg: string } {
  return { error_code: 1, error_msg: refusal.message, faces_obj: {}, ...refusal.answer };
}

/** Returns the face that the name of a crop refers to: what to draw, and where. */
export function croppedFace(
  name: string,
): { seed: string; count: number; frame: number; crop: Region } | undefined {
  const match = /^([0-9a-f]{16})-(\d{1,2})-(\d{1,4})-(\d{1,2})\.png$/.exec(name);
  if (!match) return undefined;
  const [seed = '', count, frame, index] = [match[1], Number(match[2]), Number(match[3]), Number(match[4])];
  const face = scene(seed, count, frame).faces[index];
  return face && { seed, count, frame, crop: cropAround(face) };
}

function frameData(faces: readonly Face[], urls: readonly string[] | null) {
  const crops = faces.map(cropAround);
  return {
    landmarks: faces.map(({ landmarks }) => landmarks.map(({ x, y }) => [x, y] as const)),
    landmarks_str: faces.map((face) => opts(face, { x: 0, y: 0 })),
    region: faces.map(({ region }) => box(region)),
    face_urls: urls,
    crop_region: urls && crops.map(box),
    crop_landmarks: urls && faces.map((face, index) => opts(face, crops[index] ?? { x: 0, y: 0 })),
  };
}

/** The four points that submits take: the eyes, the nose, the left corner of the mouth. */
function opts({ landmarks: [leftEye, rightEye, nose, , leftCorner] }: Face, origin: Point): string {
  return [leftEye, rightEye, nose, leftCorner].map(({ x, y }) => `${x - origin.x},${y - origin.y}`).join(':');
}

function readQuery(body: unknown) {
  const query = record(body, 'body');
  const returnFaceUrl = flag(query['return_face_url'], 'return_face_url');
  const singleFace = flag(query['single_face'], 'single_face');
  const frames = query['num_frames'] ?? 5;
  if (typeof frames !== 'number' || !Number.isInteger(frames) || frames < 1 || frames > 100)
    throw bad("'num_frames' must be an integer from 1 to 100");

  const { url, img } = query;
  if (url) {
    if (typeof url !== 'string' || webAddress(url) === null)
      throw bad("'url' must be a valid HTTP/HTTPS URL");
    if (/\/missing/i.test(new URL(url).pathname)) throw new Refusal(1008, 'Failed to process media', 500);
    const { seed, faces } = sceneAt(url);
    return { seed, count: faces.length, video: isVideo(url), frames, returnFaceUrl, singleFace };
  }
  if (!img) throw bad("Either 'url' or 'img' parameter must be provided");
  return { seed: seedOf(imageBytes(img)), count: 1, video: false, frames, returnFaceUrl, singleFace };
}

/** Decodes base64, plain or as a data URI, and checks the first bytes for what Akool reads: PNG, JPEG, WebP, BMP. */
function imageBytes(img: unknown): Buffer {
  const text =
    typeof img === 'string' ? img.replace(/^data:image\/[\w.+-]+;base64,/, '').replace(/\s/g, '') : '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw bad("'img' must be base64-encoded image data");
  const bytes = Buffer.from(text, 'base64');
  const start = bytes.toString('latin1', 0, 12);
  if (!/^(\x89PNG\r\n|\xff\xd8\xff|BM|RIFF[\s\S]{4}WEBP)/.test(start)) throw bad("'img' is not an image");
  return bytes;
}

function flag(value: unknown, name: string): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw bad(`'${name}' must be a boolean`);
  return value === true;
}

function bad(message: string): Refusal {
  return new Refusal(1003, message, 400);
}

function box({ x, y, width, height }: Region): Box {
  return [x, y, width, height];
}

function area({ region }: Face): number {
  return region.width * region.height;
}

/**
 * Reads face detection's answer. It has its own envelope: `{error_code, error_msg, faces_obj}`; 0 is success.
 *
 * Its lists are parallel: face i is `region[i]`, `landmarks[i]`, `crop_landmarks[i]` and so on. A list whose
 * length differs from that of `region` could pair a face with another face's landmarks, and a swap with those
 * costs money. So such a list counts as missing, and if it is `landmarks`, the answer is unreadable.
 */

import { isHttpUrl } from '../../http-url.js';
import { optsFault, toOpts } from '../jobs/opts.js';
import {
  type DetectedFace,
  type DetectedFrame,
  MAX_COORDINATE,
  MIN_SIDE,
  type Point,
  type Rectangle,
} from './akool-client.js';
import { isObject, type JsonObject, numberOf, textOf } from './answers.js';
import { readProviderUrl } from './provider-url.js';

interface DetectionAnswer {
  /** 0 is success. */
  readonly errorCode: number;
  readonly errorMsg: string | null;
  /** In order of frame number; null if unreadable. */
  readonly frames: DetectedFrame[] | null;
}

/**
 * Returns null without an `error_code`, because then it is not face detection's own answer.
 *
 * @param baseUrl resolves relative URLs of cropped faces
 */
export function readDetection(json: unknown, baseUrl: string): DetectionAnswer | null {
  if (!isObject(json)) return null;
  const errorCode = numberOf(json['error_code']);
  if (errorCode === null) return null;
  return { errorCode, errorMsg: textOf(json['error_msg']), frames: readFrames(json['faces_obj'], baseUrl) };
}

function readFrames(facesObj: unknown, baseUrl: string): DetectedFrame[] | null {
  if (!isObject(facesObj)) return null;
  const frames = Object.entries(facesObj).map(([key, value]) => readFrame(key, value, baseUrl));
  const readable = frames.filter((frame) => frame !== null);
  if (readable.length < frames.length) return null;
  return readable.sort((a, b) => a.index - b.index);
}

function readFrame(key: string, value: unknown, baseUrl: string): DetectedFrame | null {
  if (!/^\d{1,9}$/.test(key) || !isObject(value)) return null;
  const regions = value['region'];
  const landmarks = value['landmarks'];
  if (!Array.isArray(regions) || !Array.isArray(landmarks) || landmarks.length !== regions.length)
    return null;
  const faces = regions.map((_region, i) => readFace(value, i, regions.length, baseUrl));
  const readable = faces.filter((face) => face !== null);
  if (readable.length < faces.length) return null;
  // A face without an area could be neither shown nor submitted.
  const usable = readable.filter(({ region }) => isInPicture(region));
  return { index: Number(key), timeSeconds: numberOf(value['frame_time']), faces: usable };
}

function readFace(frame: JsonObject, i: number, count: number, baseUrl: string): DetectedFace | null {
  const at = (key: string): unknown => {
    const list = frame[key];
    return Array.isArray(list) && list.length === count ? list[i] : null;
  };
  const region = readRectangle(at('region'));
  const landmarks = readPoints(at('landmarks'));
  if (region === null || landmarks === null) return null;
  const faceUrl = textOf(at('face_urls'));
  const cropRegion = readRectangle(at('crop_region'));
  return {
    landmarks,
    landmarksStr: readOpts(at('landmarks_str')),
    cropLandmarks: readOpts(at('crop_landmarks')),
    faceUrl: faceUrl === null ? null : readFaceUrl(faceUrl, baseUrl),
    region,
    cropRegion: cropRegion !== null && isInPicture(cropRegion) ? cropRegion : null,
  };
}

/** A longer URL than a submit may have counts as missing: what is returned here can be submitted. */
function readFaceUrl(value: string, baseUrl: string): string | null {
  const url = readProviderUrl(value, baseUrl);
  return url !== null && isHttpUrl(url) ? url : null;
}

function isInPicture({ x, y, width, height }: Rectangle): boolean {
  const isPlace = (n: number) => Math.abs(n) <= MAX_COORDINATE;
  const isSide = (n: number) => n >= MIN_SIDE && n <= MAX_COORDINATE;
  return [x, y].every(isPlace) && [width, height].every(isSide);
}

/** Reads a value that will be sent, and paid for, as `opts`. Any other form counts as missing. */
function readOpts(value: unknown): string | null {
  return typeof value === 'string' && optsFault(value) === null ? toOpts(value) : null;
}

function readPoints(value: unknown): Point[] | null {
  const points = Array.isArray(value) ? value.map((pair) => readNumbers(pair, 2)) : null;
  return points?.every((pair) => pair !== null) ? points.map(([x = 0, y = 0]) => ({ x, y })) : null;
}

function readRectangle(value: unknown): Rectangle | null {
  const numbers = readNumbers(value, 4);
  if (numbers === null) return null;
  const [x = 0, y = 0, width = 0, height = 0] = numbers;
  return { x, y, width, height };
}

function readNumbers(value: unknown, count: number): number[] | null {
  if (!Array.isArray(value) || value.length !== count) return null;
  const numbers = value.filter((item): item is number => typeof item === 'number' && Number.isFinite(item));
  return numbers.length === count ? numbers : null;
}

/** Reads the bodies of the two submits, and refuses what Akool documents as invalid, naming the parameter. */

import { Refusal } from './refusal.js';
import { webAddress } from './web-address.js';

export type SwapKind = 'pro' | 'plus';

/** A submit that may be accepted. */
export interface SwapOrder {
  readonly kind: SwapKind;
  /** Every URL in the request, beginning with the first source. */
  readonly urls: readonly string[];
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly media: 'image' | 'video';
  /** '' if the caller wants no callback. */
  readonly webhookUrl: string;
  /** The number of pictures or videos to produce: one for each target of Pro, one for Plus. */
  readonly count: number;
  readonly request: Readonly<Record<string, unknown>>;
}

const MAX_IMAGES = 50;
const MAX_FACES = 8;
const OPTS = /^-?\d+(\.\d+)?,-?\d+(\.\d+)?(:-?\d+(\.\d+)?,-?\d+(\.\d+)?)*$/;
const VIDEO = /\.(mp4|mov|m4v|webm|avi|mkv)$/i;

/** @throws Refusal */
export function readSwapOrder(kind: SwapKind, body: unknown): SwapOrder {
  const request = record(body, 'body');
  const order = kind === 'pro' ? readPro(request) : readPlus(request);
  for (const url of order.urls)
    if (/\/missing/i.test(new URL(url).pathname)) throw new Refusal(1008, `No content at ${url}`);
  return order;
}

/** Whether Akool would consider the URL a video, judging by its file extension. */
export function isVideo(url: string): boolean {
  return VIDEO.test(new URL(url).pathname);
}

/** @throws Refusal 1003 unless the value is an absolute http or https URL */
function httpUrl(value: unknown, name: string): string {
  if (value === undefined || value === null || value === '') throw new Refusal(1003, `${name} is required`);
  if (typeof value !== 'string' || webAddress(value) === null)
    throw new Refusal(1003, `${name} must be a valid HTTP/HTTPS URL`);
  return value;
}

/** @throws Refusal 1003 */
export function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(1003, `${name} must be an object`);
  return value as Record<string, unknown>;
}

function readPro(request: Record<string, unknown>): SwapOrder {
  const sources = images(request['sourceImage'], 'sourceImage');
  const targets = images(request['targetImage'], 'targetImage');
  if (sources.length > 1 || targets.length > 1)
    for (const [name, list] of Object.entries({ sourceImage: sources, targetImage: targets }))
      list.forEach(({ opts }, index) => {
        if (!opts)
          throw new Refusal(
            1003,
            `${name}[${index}].opts is required when either array has more than 1 element`,
          );
      });
  oneOf(request['model_name'], 'model_name', ['akool_faceswap_image_hq']);
  flag(request['face_enhance'], 'face_enhance');
  flag(request['single_face_mode'], 'single_face_mode');
  const urls = [...sources, ...targets].map(({ path }) => path);
  return {
    kind: 'pro',
    urls,
    sourceUrl: urls[0] ?? '',
    targetUrl: urls[sources.length] ?? '',
    media: 'image',
    webhookUrl: webhook(request['webhookUrl']),
    count: targets.length,
    request,
  };
}

function readPlus(request: Record<string, unknown>): SwapOrder {
  const sourceUrl = httpUrl(request['source_url'], 'source_url');
  const targetUrl = httpUrl(request['target_url'], 'target_url');
  flag(request['face_enhance'], 'face_enhance');
  flag(request['single_face_mode'], 'single_face_mode');
  oneOf(request['model_style'], 'model_style', ['realistic', 'beautify', 'lossless']);
  const faces = mapping(request['face_mapping'], request['single_face_mode'] === true);
  return {
    kind: 'plus',
    urls: [sourceUrl, targetUrl, ...faces],
    sourceUrl,
    targetUrl,
    media: isVideo(targetUrl) ? 'video' : 'image',
    webhookUrl: webhook(request['webhookUrl']),
    count: 1,
    request,
  };
}

function images(value: unknown, name: string): { path: string; opts: string }[] {
  if (value === undefined || value === null) throw new Refusal(1003, `${name} is required`);
  if (!Array.isArray(value)) throw new Refusal(1003, `${name} must be an array`);
  if (value.length < 1 || value.length > MAX_IMAGES)
    throw new Refusal(1003, `${name} must have 1 to ${MAX_IMAGES} elements`);
  return value.map((item: unknown, index) => {
    const image = record(item, `${name}[${index}]`);
    const opts = image['opts'] ?? '';
    if (typeof opts !== 'string' || (opts !== '' && !OPTS.test(opts)))
      throw new Refusal(1003, `${name}[${index}].opts must be like 262,175:363,175:313,215:272,279`);
    return { path: httpUrl(image['path'], `${name}[${index}].path`), opts };
  });
}

/** Returns the URLs in the mapping. */
function mapping(value: unknown, singleFace: boolean): string[] {
  if (value === undefined || value === null) {
    if (singleFace) return [];
    throw new Refusal(1003, 'face_mapping is required when single_face_mode is false');
  }
  if (!Array.isArray(value)) throw new Refusal(1003, 'face_mapping must be an array');
  if (value.length === 0 && !singleFace) throw new Refusal(1003, 'face_mapping must have at least 1 element');
  if (value.length > MAX_FACES) throw new Refusal(1007);
  return value.flatMap((item: unknown, index) => {
    const name = `face_mapping[${index}]`;
    const pair = record(item, name);
    const source = record(pair['source_face_info'], `${name}.source_face_info`);
    const target = record(pair['target_face_info'], `${name}.target_face_info`);
    bbox(source['bbox'], `${name}.source_face_info.bbox`);
    bbox(target['bbox'], `${name}.target_face_info.bbox`);
    const urls = [httpUrl(source['face_url'], `${name}.source_face_info.face_url`)];
    if (target['face_url'] !== undefined)
      urls.push(httpUrl(target['face_url'], `${name}.target_face_info.face_url`));
    return urls;
  });
}

/** `[x1, y1, x2, y2]`: two corners, unlike detection's `[x, y, width, height]`. */
function bbox(value: unknown, name: string): void {
  if (value === undefined) return;
  const [x1, y1, x2, y2, ...more]: unknown[] = Array.isArray(value) ? value : [];
  if (!isNumber(x1) || !isNumber(y1) || !isNumber(x2) || !isNumber(y2) || more.length > 0)
    throw new Refusal(1003, `${name} must be 4 numbers: [x1, y1, x2, y2]`);
  if (x2 <= x1 || y2 <= y1)
    throw new Refusal(1003, `${name} must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2`);
}

function webhook(value: unknown): string {
  return value === undefined || value === '' ? '' : httpUrl(value, 'webhookUrl');
}

function flag(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw new Refusal(1003, `${name} must be a boolean`);
}

function oneOf(value: unknown, name: string, choices: readonly string[]): void {
  if (value !== undefined && !choices.some((choice) => choice === value))
    throw new Refusal(1003, `${name} must be one of ${choices.join(', ')}`);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

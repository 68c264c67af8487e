/**
 * What a submit costs. Akool publishes no prices: the defaults are those that others report, 4 credits for a picture
 * and 10 for each begun 10 seconds of video.
 */
import { SAMPLE_VIDEO_SECONDS } from './sample-video.js';
import type { SwapOrder } from './swap-request.js';
import { numberIn } from './web-address.js';

/** In credits. */
export interface Prices {
  /** For each picture to produce. */
  readonly image: number;
  /** For each begun {@link VIDEO_UNIT_SECONDS} of video. */
  readonly video: number;
}

const VIDEO_UNIT_SECONDS = 10;

/** @throws Refusal 1003 if a URL sets a price or a length that is no integer */
export function priceOf({ urls, media, count, targetUrl }: SwapOrder, prices: Prices): number {
  const units = media === 'image' ? count : Math.ceil(videoSeconds(targetUrl) / VIDEO_UNIT_SECONDS);
  return priceIn(urls) ?? units * prices[media];
}

/**
 * The length of the video at a URL, like `https://…/clip.mp4?sandbox-seconds=35`. Others are as long as the sample,
 * because the sandbox downloads nothing. @throws Refusal 1003
 */
export function videoSeconds(url: string): number {
  return numberIn(url, 'sandbox-seconds') ?? SAMPLE_VIDEO_SECONDS;
}

/** The price of a submit that one of its URLs sets, like `sandbox-price=5`. */
function priceIn(urls: readonly string[]): number | null {
  for (const url of urls) {
    const price = numberIn(url, 'sandbox-price');
    if (price !== null) return price;
  }
  return null;
}

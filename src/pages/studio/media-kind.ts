import type { JobResult } from '@face-swap-gateway/client';

/** By its type, which the gateway knows of what it has seen; else by its address. */
export function isVideoResult({ contentType, url }: JobResult): boolean {
  return contentType?.startsWith('video/') ?? isVideoAddress(url);
}

/** Whether it looks like the address of a video. */
export function isVideoAddress(address: string): boolean {
  return /\.(?:mp4|m4v|mov|webm|avi)(?:[?#]|$)/i.test(address);
}

/** Whether it looks like the address of a video. */
export function isVideoAddress(address: string): boolean {
  return /\.(?:mp4|m4v|mov|webm|avi)(?:[?#]|$)/i.test(address);
}

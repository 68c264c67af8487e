/** The headers with which scripts of other origins may read an answer. */

export const EXPOSED = 'accept-ranges, content-disposition, content-range, etag, retry-after';

export const OPEN_TO_PAGES = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED,
};

import { supportedMimeTypes } from 'file-type';
import { describe, expect, it } from 'vitest';
import { draw } from '../../../src/sandbox/drawing.js';
import { SAMPLE_VIDEO } from '../../../src/sandbox/sample-video.js';
import { sceneAt } from '../../../src/sandbox/scene.js';
import { mediaTypeOf } from '../../../src/services/media/media-type.js';

const png = draw(sceneAt('https://example.com/a.png'));

describe('the type of a result', () => {
  it.each<[string, Uint8Array, string, string]>([
    ['a PNG', png, 'image/png', 'png'],
    ['the first 4100 bytes of a PNG', png.subarray(0, 4100), 'image/png', 'png'],
    [
      'a PNG with a long text before its picture',
      withText(png, 20_000).subarray(0, 4100),
      'image/png',
      'png',
    ],
    ['a JPEG', bytes('ffd8ffe000104a464946000101'), 'image/jpeg', 'jpg'],
    ['a GIF', Buffer.from('GIF89a\x01\x00\x01\x00'), 'image/gif', 'gif'],
    ['a WebP', Buffer.from('RIFF\x24\x00\x00\x00WEBPVP8 '), 'image/webp', 'webp'],
    ['an MP4', SAMPLE_VIDEO, 'video/mp4', 'mp4'],
  ])('is told by its content: %s', async (_what, content, contentType, extension) => {
    expect(await mediaTypeOf(content)).toEqual({ contentType, extension });
  });

  it.each([
    ['nothing', ''],
    ['a page', '<!doctype html><html><script>alert(1)</script></html>'],
    ['a drawing', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['a drawing with a prologue', '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['a script', 'alert(1)'],
    ['a PDF', '%PDF-1.7\n'],
    ['a sound', 'ID3\x03\x00\x00\x00\x00\x00\x00'],
    ['an archive', 'PK\x03\x04'],
  ])('is none for %s', async (_what, content) => {
    expect(await mediaTypeOf(Buffer.from(content))).toBeNull();
  });

  it('is one that browsers do not run', () => {
    const types = [...supportedMimeTypes].filter((type) => /^(image|video)\//.test(type));
    expect(types.filter((type) => /svg|xml|html/.test(type))).toEqual([]);
  });
});

function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

/** Inserts a text chunk between a PNG's header and its picture, as editors do. */
function withText(picture: Buffer, length: number): Buffer {
  const header = picture.subarray(0, 33);
  const chunk = Buffer.alloc(length + 12, 'x');
  chunk.writeUInt32BE(length, 0);
  chunk.write('tEXt', 4, 'latin1');
  return Buffer.concat([header, chunk, picture.subarray(33)]);
}

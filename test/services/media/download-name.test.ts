/** Whatever name is asked for, what is saved is one harmless file of the right kind. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { downloadName } from '../../../src/services/media/download-name.js';

describe('the name of a download', () => {
  it.each([
    ['a.jpg', 'me.jpg', 'me.jpg'],
    ['a.jpg', 'me.JPEG', 'me.JPEG'],
    ['a.jpg', 'me.png', 'me.png.jpg'],
    ['a.png', 'me.jpeg', 'me.jpeg.png'],
    ['a.apng', 'me.png', 'me.png'],
    ['a.mp4', 'me', 'me.mp4'],
    ['a.mp4', 'me.mp4.exe', 'me.mp4.exe.mp4'],
    ['a.webm', null, 'face-swap.webm'],
  ])('has the extension of the copy %s: %j is %j', (copy, wanted, name) => {
    expect(downloadName(copy, wanted)).toBe(name);
  });

  it('is allowed on every system, and stays as it is when it is asked for', () => {
    const parts = ['..', '/', '\\', ' ', '\t', '"', '%2f', 'con', '.', 'png', '.png', '\u202e', '\ud83d'];
    const any = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
    const texts = fc.array(fc.oneof(fc.constantFrom(...parts), any), { maxLength: 100 });
    fc.assert(
      fc.property(texts, (words) => {
        const name = downloadName('a.png', words.join(''));
        expect(name).toMatch(/\.png$/i);
        expect(name).not.toMatch(/^[. ]|[. ]\.\w+$|[\p{Cc}\p{Cs}"*/:<>?\\|]|^con *\./isu);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(downloadName('a.png', name)).toBe(name);
      }),
      { numRuns: 500 },
    );
  });
});

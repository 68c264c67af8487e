/** Videos pass as they are; what their containers tell is read. */
import { afterAll, describe, expect, it } from 'vitest';
import { box, Files, latin, riff, riffChunk, uint16, uint32 } from './files.js';

const files = new Files();
afterAll(() => files.remove());

const UNTURNED = [1, 0, 0, 1] as const;
const QUARTER = [0, 1, -1, 0] as const;
const HALF = [-1, 0, 0, -1] as const;
const MDAT = box('mdat', Buffer.alloc(40));
const ftyp = (brand: string): Buffer => box('ftyp', latin(brand), uint32(0), latin(brand));
const fixed = (value: number): Buffer => uint32((value * 0x10000) >>> 0);
const long = (value: number): Buffer =>
  Buffer.concat([uint32(Math.floor(value / 2 ** 32)), uint32(value % 2 ** 32)]);

/** The header of a movie, of a version with short or long times. */
function mvhd(units: number, { isLong = false } = {}): Buffer {
  const times = isLong
    ? [Buffer.from([1, 0, 0, 0]), Buffer.alloc(16), uint32(600), long(units)]
    : [Buffer.alloc(4), Buffer.alloc(8), uint32(600), uint32(units)];
  return box('mvhd', ...times, Buffer.alloc(80));
}

interface Track {
  readonly handler?: string;
  readonly size?: readonly [number, number];
  readonly matrix?: readonly [number, number, number, number];
  readonly isLong?: boolean;
}

function trak({
  handler = 'vide',
  size = [1920, 1080],
  matrix = UNTURNED,
  isLong = false,
}: Track = {}): Buffer {
  const [a, b, c, d] = matrix.map(fixed) as [Buffer, Buffer, Buffer, Buffer];
  const nothing = Buffer.alloc(4);
  const head = isLong
    ? [Buffer.from([1, 0, 0, 7]), Buffer.alloc(32)]
    : [Buffer.from([0, 0, 0, 7]), Buffer.alloc(20)];
  const tkhd = box(
    'tkhd',
    ...[...head, Buffer.alloc(16)],
    ...[a, b, nothing, c, d, nothing, nothing, nothing, uint32(0x40000000)],
    ...size.map(fixed),
  );
  const hdlr = box('hdlr', Buffer.alloc(8), latin(handler), Buffer.alloc(13));
  return box('trak', tkhd, box('mdia', box('mdhd', Buffer.alloc(24)), hdlr));
}

const SOUND = trak({ handler: 'soun', size: [0, 0] });
const mp4 = (...boxes: readonly Buffer[]): Buffer =>
  Buffer.concat([ftyp('isom'), box('moov', ...boxes), MDAT]);
const told = { contentType: 'video/mp4', width: 1920, height: 1080, durationSeconds: 2.5 };

describe('of an MP4 or MOV', () => {
  it.each<[string, Buffer, object]>([
    ['size and length', mp4(mvhd(1500), SOUND, trak()), told],
    ['both in long fields', mp4(mvhd(1500, { isLong: true }), trak({ isLong: true })), told],
    [
      'both where the index is last',
      Buffer.concat([ftyp('mp42'), MDAT, box('moov', mvhd(1500), trak())]),
      told,
    ],
    [
      'both in a video from iTunes',
      Buffer.concat([ftyp('M4V '), box('moov', mvhd(1500), trak()), MDAT]),
      told,
    ],
    [
      'both in a MOV',
      Buffer.concat([ftyp('qt  '), box('wide'), MDAT, box('moov', mvhd(1500), trak())]),
      { ...told, contentType: 'video/quicktime' },
    ],
    [
      'both in a MOV without a type',
      Buffer.concat([box('moov', mvhd(1500), trak()), MDAT]),
      { ...told, contentType: 'video/quicktime' },
    ],
    [
      'the size of a phone that is held upright',
      mp4(mvhd(1500), trak({ matrix: QUARTER })),
      { ...told, width: 1080, height: 1920 },
    ],
    ['the size of one that is held upside down', mp4(mvhd(1500), trak({ matrix: HALF })), told],
    ['the first video of several', mp4(mvhd(1500), trak(), trak({ size: [320, 240] })), told],
    [
      'the length of its fragments',
      mp4(mvhd(0), trak(), box('mvex', box('mehd', Buffer.alloc(4), uint32(1500)))),
      told,
    ],
    ['no length where it is 0', mp4(mvhd(0), trak()), { ...told, durationSeconds: null }],
    ['no length where it is not known', mp4(mvhd(0xffff_ffff), trak()), { ...told, durationSeconds: null }],
    [
      'no size where it is 0',
      mp4(mvhd(1500), trak({ size: [0, 0] })),
      { ...told, width: null, height: null },
    ],
    [
      'no size where it makes no sense',
      mp4(mvhd(1500), trak({ matrix: [30_000, 0, 0, 30_000] })),
      { ...told, width: null, height: null },
    ],
    [
      'nothing where the index is compressed',
      mp4(box('cmov', Buffer.alloc(30))),
      { ...told, width: null, height: null, durationSeconds: null },
    ],
    [
      'both where data extends to the end',
      Buffer.concat([
        ftyp('isom'),
        box('moov', mvhd(1500), trak()),
        uint32(0),
        latin('mdat'),
        Buffer.alloc(9),
      ]),
      told,
    ],
    [
      'both around a box with a long size',
      Buffer.concat([
        ftyp('isom'),
        uint32(1),
        latin('mdat'),
        long(20),
        Buffer.alloc(4),
        box('moov', mvhd(1500), trak()),
      ]),
      told,
    ],
    [
      'both before something else',
      Buffer.concat([mp4(mvhd(1500), trak()), latin('\0\0\0\0\0\0\0\0more')]),
      told,
    ],
  ])('it tells %s', async (_, content, wanted) => {
    const path = files.write(content);
    expect(await files.fitAt(path)).toEqual({ path, ...wanted });
  });

  it('refuses sound alone', async () => {
    await expect(files.fit(mp4(mvhd(1500), SOUND))).rejects.toMatchObject({
      code: 'MEDIA_UNSUPPORTED',
      message: expect.stringContaining('sound'),
    });
  });
});

describe('of others it tells nothing but what they are', () => {
  const ebml = Buffer.concat([latin('\x1aE\xdf\xa3\x87\x42\x82\x84webm'), latin('\xec\x83abc')]);
  const cluster = Buffer.alloc(20);
  it.each([
    ['a WebM', 'video/webm', Buffer.concat([ebml, latin('\x18S\x80\x67\x94'), cluster])],
    [
      'a WebM with a long size',
      'video/webm',
      Buffer.concat([ebml, latin('\x18S\x80\x67\x01\0\0\0\0\0\0\x14'), cluster]),
    ],
    [
      'a WebM that a browser recorded',
      'video/webm',
      Buffer.concat([ebml, latin('\x18S\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff'), cluster]),
    ],
    ['an AVI', 'video/x-msvideo', riff('AVI ', riffChunk('LIST', Buffer.concat([latin('hdrl'), uint16(0)])))],
  ])('%s', async (_, contentType, content) => {
    const path = files.write(content);
    expect(await files.fitAt(path)).toEqual({
      path,
      contentType,
      width: null,
      height: null,
      durationSeconds: null,
    });
  });
});

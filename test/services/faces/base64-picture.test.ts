/** Base64 is read at little cost, however it is written, and each reason to refuse it is the true one. */
import { expect, it } from 'vitest';
import { readPicture } from '../../../src/services/faces/base64-picture.js';

const PNG_HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const PICTURE = Buffer.concat([PNG_HEAD, Buffer.alloc(5_000_000)]);
const ONE_LINE = PICTURE.toString('base64');
const repeated = (text: string): string => text.repeat(Math.floor(ONE_LINE.length / text.length));

/** Milliseconds of the processor. */
async function costOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

// What handles each digit by itself costs 28 times as much as JSON and more; what copies the usual picture, 8 times.
it.each([
  ['a picture on one line', ONE_LINE, 4],
  ['a picture in lines of 76', ONE_LINE.replace(/.{76}/g, '$&\r\n'), 12],
  ['a line break after each digit', repeated('A\n'), 12],
  ['digits of base64url', repeated('-_'), 12],
  ['characters that are not ASCII', repeated('é'), 12],
])('costs at most so many times what it costs as JSON: %s', async (_kind, text, times) => {
  const [asJson, read]: [number[], number[]] = [[], []];
  for (let round = 0; round < 5; round += 1) {
    asJson.push(await costOf(() => JSON.parse(JSON.stringify(ONE_LINE))));
    read.push(await costOf(() => readPicture(text)));
  }
  // The least of each, because garbage collections cost more.
  expect(Math.min(...read)).toBeLessThan(times * Math.min(...asJson));
});

it.each([
  ['PERCENT_ENCODED', 'iVBORw0KGgo%3D'],
  ['PERCENT_ENCODED', 'AAA%2bAAA'],
  ['PERCENT_ENCODED', 'data%3Aimage%2Fpng%3Bbase64%2CiVBORw0KGgo%3D'],
  ['ADDRESS', 'https%3A%2F%2Fexample.com%2Fa.png'],
  ['NOT_BASE64', '/uploads/a%20b.png'],
  ['NOT_A_BASE64_URI', 'data:image/png,%89PNG'],
  ['NOT_A_PICTURE_URI', 'data:text/plain;name="a,image/png";base64,AAAA'],
  ['NOT_A_PICTURE_URI', 'data:image/"x,y";base64,AAAA'],
  ['NOT_BASE64', 'iVBORw0KGgé='],
  ['NOT_BASE64', 'iVBO\0Rw0'],
] as const)('says %s of %j', async (fault, text) => {
  expect(await readPicture(text)).toEqual({ fault });
});

it.each([
  'data:image/png;name="a, b.png";base64,',
  'data:image/png;name=12".png;base64,',
  'data:image/png;name="a\\"b.png";base64,',
  'data:image/*;base64,',
])('reads what follows %j', async (head) => {
  const base64 = PNG_HEAD.toString('base64');
  const type = head.slice('data:'.length).split(';')[0];
  expect(await readPicture(`${head}${base64.slice(0, 8)}\n\u00a0\u00a0${base64.slice(8)}`)).toEqual({
    base64: `data:${type};base64,${base64}`,
  });
});

/** Base64 whose form is hostile blocks nobody for longer than its bytes do. */
import { expect, it } from 'vitest';
import { IMAGE_FAULTS, readPicture } from '../../../src/services/faces/base64-picture.js';

const PNG_HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const HARMLESS = Buffer.concat([PNG_HEAD, Buffer.alloc(5_000_000)])
  .toString('base64')
  .replace(/.{76}/g, '$&\r\n');
const repeated = (text: string): string => text.repeat(Math.floor(HARMLESS.length / text.length));

/** Milliseconds of the processor; the least of three, because garbage collections cost more. */
async function costOf(text: string): Promise<number> {
  const costs: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const before = process.cpuUsage();
    await readPicture(text);
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / 1000);
  }
  return Math.min(...costs);
}

it.each([
  ['a line break after each digit', repeated('A\n')],
  ['blanks and line breaks', repeated('A \r\n')],
  ['nothing but blanks', repeated(' ')],
  ['digits of base64url', repeated('-_')],
  ['percent signs', repeated('%2B')],
  ['characters that are not ASCII', repeated('é')],
])('costs at most 6 times what a picture of as many characters costs: %s', async (_kind, text) => {
  expect(await readPicture(HARMLESS)).toHaveProperty('base64');
  expect(await costOf(text)).toBeLessThan(6 * (await costOf(HARMLESS)));
});

it.each([
  ['PERCENT_ENCODED', 'iVBORw0KGgo%3D'],
  ['PERCENT_ENCODED', 'data%3Aimage%2Fpng%3Bbase64%2CiVBORw0KGgo%3D'],
  ['NOT_A_BASE64_URI', 'data:image/png,%89PNG'],
  ['NOT_A_PICTURE_URI', 'data:text/plain;name="a,image/png";base64,AAAA'],
  ['NOT_BASE64', 'iVBORw0KGgé='],
  ['NOT_BASE64', 'iVBO\0Rw0'],
] as const)('says %s of %j', async (fault, text) => {
  expect(Object.keys(IMAGE_FAULTS)).toContain(fault);
  expect(await readPicture(text)).toEqual({ fault });
});

/** Draws scenes as simple, flat portraits, fast enough to be drawn for each request. */
import { MARK } from './mark.js';
import { type Colour, encodePng } from './png.js';
import { type Face, type Region, SCENE_SIZE, type Scene, trait } from './scene.js';

/**
 * @param looks the seed of the faces: the scene's own for an original picture, the source's for a swapped
 *   one, which keeps the hair, clothes and background of the scene
 * @param stamp a seed shown as a row of colours, so that no two results look the same, beside the mark of results
 */
export function draw(
  scene: Scene,
  looks = scene.seed,
  { crop = WHOLE, stamp = '' }: { crop?: Region; stamp?: string } = {},
): Buffer {
  const canvas = new Canvas(crop);
  const shades = gradient(colourFrom(scene.seed, 1), colourFrom(scene.seed, 4), 48);
  const sky = shades.map((shade) => canvas.colour(shade));
  for (let y = 0; y < SCENE_SIZE; y++)
    canvas.span(0, SCENE_SIZE, y, sky[Math.floor((y / SCENE_SIZE) * sky.length)] ?? 0);
  for (const [index, face] of scene.faces.entries())
    portrait(canvas, face, rotate(looks, index), rotate(scene.seed, index));
  if (stamp) label(canvas, stamp);
  return encodePng(crop.width, crop.height, canvas.palette, canvas.pixels);
}

const WHOLE: Region = { x: 0, y: 0, width: SCENE_SIZE, height: SCENE_SIZE };
const SKINS: readonly Colour[] = [
  [255, 219, 190],
  [240, 190, 150],
  [214, 158, 118],
  [168, 112, 78],
  [118, 76, 52],
];
const HAIRS: readonly Colour[] = [
  [38, 30, 28],
  [92, 58, 36],
  [172, 92, 44],
  [224, 180, 92],
  [150, 150, 158],
  [196, 70, 90],
];
const EYES: readonly Colour[] = [
  [52, 92, 150],
  [70, 110, 70],
  [84, 54, 34],
  [40, 40, 48],
];

const LIPS: readonly Colour[] = [
  [186, 70, 78],
  [150, 52, 60],
  [214, 104, 104],
];

function label(canvas: Canvas, stamp: string): void {
  for (let index = 0; index < 8; index++) {
    const ink = canvas.colour(colourFrom(rotate(stamp, index), 0));
    for (let y = 484; y < 500; y++) canvas.span(356 + index * 18, 370 + index * 18, y, ink);
  }
  const [letters, background] = [canvas.colour([255, 255, 255]), canvas.colour([40, 40, 40])];
  for (const [row, cells] of MARK.entries())
    for (const [column, cell] of [...cells].entries())
      for (const y of [484 + 2 * row, 485 + 2 * row])
        canvas.span(4 + 2 * column, 6 + 2 * column, y, cell === '#' ? letters : background);
}

function portrait(canvas: Canvas, { region, landmarks }: Face, looks: string, own: string): void {
  const [leftEye, rightEye, nose, mouth] = landmarks;
  const { width: w, height: h } = region;
  const middle = { x: region.x + w / 2, y: region.y + h / 2 };
  const skin = pick(SKINS, trait(looks, 1));
  const hair = canvas.colour(pick(HAIRS, trait(own, 2)));
  const skinInk = canvas.colour(skin);
  const shadow = canvas.colour(darker(skin, 0.86));
  const long = trait(own, 3) % 2 === 0;

  canvas.ellipse(middle.x, middle.y + h * 1.02, w * 0.95, h * 0.5, canvas.colour(colourFrom(own, 5)));
  canvas.ellipse(middle.x, middle.y - h * (long ? 0 : 0.12), w * 0.6, h * (long ? 0.66 : 0.54), hair);
  canvas.ellipse(middle.x, middle.y + h * 0.5, w * 0.2, h * 0.2, shadow);
  canvas.ellipse(middle.x, middle.y, w * 0.5, h * 0.5, skinInk);
  canvas.ellipse(middle.x, region.y + h * 0.1, w * 0.42, h * 0.14, hair);
  for (const eye of [leftEye, rightEye]) {
    canvas.ellipse(eye.x, eye.y, w * 0.1, h * 0.055, canvas.colour([255, 255, 255]));
    canvas.ellipse(eye.x, eye.y, w * 0.05, h * 0.045, canvas.colour(pick(EYES, trait(looks, 4))));
    canvas.ellipse(eye.x, eye.y - h * 0.12, w * 0.11, h * 0.018, hair);
  }
  canvas.ellipse(nose.x, nose.y - h * 0.03, w * 0.05, h * 0.08, shadow);
  canvas.ellipse(mouth.x, mouth.y, w * 0.16, h * 0.06, canvas.colour(pick(LIPS, trait(looks, 6))));
  canvas.ellipse(mouth.x, mouth.y - h * 0.035, w * 0.17, h * 0.045, skinInk);
}

/** A palette image of one region of the scene; anything outside the region is not drawn. */
class Canvas {
  readonly palette: Colour[] = [];
  readonly pixels: Buffer;
  readonly #crop: Region;

  constructor(crop: Region) {
    this.#crop = crop;
    this.pixels = Buffer.alloc(crop.width * crop.height);
  }

  /** Returns the palette index of a colour. After 256 colours, all further ones get the last index. */
  colour(colour: Colour): number {
    const known = this.palette.findIndex((other) => other.join() === colour.join());
    if (known >= 0) return known;
    if (this.palette.length === 256) return 255;
    return this.palette.push(colour) - 1;
  }

  span(from: number, to: number, y: number, ink: number): void {
    const row = y - this.#crop.y;
    const left = Math.max(Math.round(from) - this.#crop.x, 0);
    const right = Math.min(Math.round(to) - this.#crop.x, this.#crop.width);
    if (row < 0 || row >= this.#crop.height || left >= right) return;
    this.pixels.fill(ink, row * this.#crop.width + left, row * this.#crop.width + right);
  }

  ellipse(x: number, y: number, radiusX: number, radiusY: number, ink: number): void {
    for (let row = Math.ceil(y - radiusY); row <= y + radiusY; row++) {
      const half = radiusX * Math.sqrt(Math.max(0, 1 - ((row - y) / radiusY) ** 2));
      this.span(x - half, x + half, row, ink);
    }
  }
}

/** Rotates the seed, so that the next face looks different. */
function rotate(seed: string, places: number): string {
  const start = (places * 5) % seed.length;
  return seed.slice(start) + seed.slice(0, start);
}

function colourFrom(seed: string, index: number): Colour {
  const soft = (value: number) => 96 + Math.round(value * 0.55);
  return [soft(trait(seed, index)), soft(trait(seed, index + 1)), soft(trait(seed, index + 2))];
}

function gradient(from: Colour, to: Colour, steps: number): Colour[] {
  return Array.from({ length: steps }, (_, step) => {
    const mix = (a: number, b: number) => Math.round(a + ((b - a) * step) / (steps - 1));
    return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])];
  });
}

function darker([red, green, blue]: Colour, share: number): Colour {
  return [Math.round(red * share), Math.round(green * share), Math.round(blue * share)];
}

function pick(colours: readonly Colour[], value: number): Colour {
  return colours[value % colours.length] ?? [128, 128, 128];
}

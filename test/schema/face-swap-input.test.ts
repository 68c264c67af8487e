import { type GraphQLSchema, graphql } from 'graphql';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FieldError, InputError } from '../../src/errors.js';
import { createSchema, RESOLVERS } from '../../src/resolvers/schema.js';
import type { Caller } from '../../src/services/auth/caller.js';
import type { FaceSwapRequest } from '../../src/services/jobs/job-request.js';
import { noUploads } from '../support/no-uploads.js';
import { jobWith, request } from '../support/samples.js';

const MARKER = 'hunter2SECRET';
const OPTS = '262,175:363,175:313,215:272,279';
const PATH = 'https://example.com/face.jpg';

interface Image {
  readonly path: string;
  readonly opts?: string | null;
}
type Input = Record<string, unknown> & {
  readonly sourceImage: readonly Image[];
  readonly targetImage: readonly Image[];
};

const caller: Caller = { tenant: 'ann', expiresAt: null, onlyJob: null };
const one: readonly Image[] = [{ path: PATH }];
const many = (count: number): Image[] => Array.from({ length: count }, () => ({ path: PATH, opts: OPTS }));
/** Fifty pictures that end with this one. */
const fiftyWith = (last: Image): readonly Image[] => [...many(49), last];

let schema: GraphQLSchema;
beforeAll(async () => {
  schema = await createSchema(RESOLVERS);
});

/** What the service receives, and the broken rules. */
async function submit(input: Input) {
  const handed: { request: FaceSwapRequest; key: string | null }[] = [];
  const submission = {
    submit: async (_tenant: string, asked: FaceSwapRequest, key: string | null) => {
      handed.push({ request: asked, key });
      return { job: jobWith({ request: asked }), deduplicated: false };
    },
  };
  const { errors = [] } = await graphql({
    schema,
    source: 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
    variableValues: { input },
    contextValue: { services: { submission, uploads: noUploads, mediaUrl: () => '' }, caller },
  });
  const fieldErrors = errors.flatMap(({ originalError }): readonly FieldError[] => {
    if (!(originalError instanceof InputError)) throw originalError ?? new Error(errors.join());
    return originalError.extensions['fieldErrors'] as readonly FieldError[];
  });
  return { handed, fieldErrors };
}

async function broken(input: Input): Promise<string[]> {
  const { handed, fieldErrors } = await submit(input);
  expect(handed).toEqual([]);
  for (const { message, path, code } of fieldErrors) {
    expect(message).toMatch(/^(must|is required)/);
    expect(`${path} ${code} ${message}`).not.toContain(MARKER);
  }
  return fieldErrors.map(({ path, code }) => `${path} ${code}`);
}

describe('a submit that keeps all rules', () => {
  test.each<[string, Input]>([
    ['one picture on each side, without opts', { sourceImage: one, targetImage: one }],
    ['one picture on each side, with opts', { sourceImage: many(1), targetImage: many(1) }],
    ['fifty on each side, each with opts', { sourceImage: many(50), targetImage: many(50) }],
    [
      'many without opts and detectOpts',
      { sourceImage: [...one, ...one], targetImage: one, detectOpts: true },
    ],
    [
      'decimals and negative numbers in opts',
      { sourceImage: [{ path: PATH, opts: '-1.5,2:3,4:5,6:7,8' }], targetImage: one },
    ],
    [
      'fractions of any length, and blanks, in opts',
      {
        sourceImage: [{ path: PATH, opts: ' 262.123456789012, 175 :363,175:313,215:272,279\n' }],
        targetImage: one,
      },
    ],
    ['five points in opts', { sourceImage: [{ path: PATH, opts: `${OPTS}:340,280` }], targetImage: one }],
    ['opts that are empty', { sourceImage: [{ path: PATH, opts: '' }], targetImage: one }],
    ['opts that are null', { sourceImage: [{ path: PATH, opts: null }], targetImage: one }],
    ['a key of 128 characters', { sourceImage: one, targetImage: one, idempotencyKey: 'k'.repeat(128) }],
    ['a key in any script', { sourceImage: one, targetImage: one, idempotencyKey: 'schlüssel 鍵 😀' }],
    ['no key, said so', { sourceImage: one, targetImage: one, idempotencyKey: null }],
  ])('is handed on: %s', async (_, input) => {
    const { handed, fieldErrors } = await submit(input);
    expect(fieldErrors).toEqual([]);
    expect(handed).toHaveLength(1);
    expect(handed[0]?.key).toBe(input['idempotencyKey'] ?? null);
    expect(handed[0]?.request.sourceImage).toHaveLength(input.sourceImage.length);
  });

  test('is handed on with the defaults and without keys that are undefined', async () => {
    const { handed } = await submit({ sourceImage: one, targetImage: one });
    expect(handed[0]?.request).toStrictEqual({
      ...request,
      sourceImage: [{ path: PATH, opts: null }],
      targetImage: [{ path: PATH, opts: null }],
      singleFaceMode: false,
    });
  });

  test('has no blanks in its opts, and none where they are empty', async () => {
    const { handed } = await submit({
      sourceImage: [{ path: PATH, opts: ' 262, 175:363, 175:\t313.25,215:272,279\r\n' }],
      targetImage: [{ path: PATH, opts: '' }],
    });
    expect(handed[0]?.request).toMatchObject({
      sourceImage: [{ opts: '262,175:363,175:313.25,215:272,279' }],
      targetImage: [{ opts: null }],
    });
  });

  test('has its numbers written out, where a program gives exponents', async () => {
    const { handed } = await submit({
      sourceImage: [{ path: PATH, opts: '2.62E+2,1e-005:-1.5e-1,175:4e-7,215:272,9e-20' }],
      targetImage: one,
    });
    expect(handed[0]?.request.sourceImage).toEqual([
      { path: PATH, opts: '262,0.00001:-0.15,175:0.0000004,215:272,0' },
    ]);
  });

  test('is the same request however its fields are ordered, so that a retry is recognised', async () => {
    const first = await submit({ sourceImage: many(1), targetImage: one, faceEnhance: true });
    const again = await submit({
      faceEnhance: true,
      targetImage: one,
      sourceImage: [{ opts: OPTS, path: PATH }],
      singleFaceMode: false,
    });
    expect(JSON.stringify(again.handed)).toBe(JSON.stringify(first.handed));
  });
});

describe.each(['sourceImage', 'targetImage'] as const)('%s', (side) => {
  const other = side === 'sourceImage' ? 'targetImage' : 'sourceImage';
  const withSide = (images: readonly Image[], more: Record<string, unknown> = {}): Input =>
    ({ [side]: images, [other]: many(1), ...more }) as Input;

  test('needs at least one picture', async () => {
    expect(await broken(withSide([]))).toEqual([`input.${side} TOO_FEW_IMAGES`]);
  });

  test('takes at most fifty', async () => {
    expect(await broken(withSide(many(51)))).toEqual([`input.${side} TOO_MANY_IMAGES`]);
  });

  test.each([
    '',
    MARKER,
    `/${MARKER}.jpg`,
    `ftp://example.com/${MARKER}`,
    `https://${MARKER} x/`,
    `data:image/png;base64,${MARKER}`,
  ])('takes addresses of pictures only, at the first place and at the last: %j', async (path) => {
    expect(await broken(withSide([{ path }]))).toEqual([`input.${side}.0.path URL_INVALID`]);
    expect(await broken(withSide(fiftyWith({ path, opts: OPTS })))).toEqual([
      `input.${side}.49.path URL_INVALID`,
    ]);
  });

  test.each([
    ' ',
    MARKER,
    '1,2:3,4:5,6',
    '1,2:3,4:5,6:7,8:9,10:11,12',
    '1,2;3,4;5,6;7,8',
    '1,2:3,4:5,6:7,',
    '1e333,2:3,4:5,6:7,8',
    '1e9,2:3,4:5,6:7,8',
    `1,2:3,4:5,6:7,${'8'.repeat(50)}`,
  ])('takes opts in the documented form only, at the first place and at the last: %j', async (opts) => {
    expect(await broken(withSide([{ path: PATH, opts }]))).toEqual([`input.${side}.0.opts OPTS_MALFORMED`]);
    expect(await broken(withSide(fiftyWith({ path: PATH, opts })))).toEqual([
      `input.${side}.49.opts OPTS_MALFORMED`,
    ]);
  });

  test('needs opts for every picture as soon as it has more than one', async () => {
    const without = [{ path: PATH }, { path: PATH, opts: null }, { path: PATH, opts: '' }];
    expect(await broken(withSide(without))).toEqual([
      `input.${side}.0.opts OPTS_REQUIRED`,
      `input.${side}.1.opts OPTS_REQUIRED`,
      `input.${side}.2.opts OPTS_REQUIRED`,
    ]);
    expect(await broken(withSide(fiftyWith({ path: PATH })))).toEqual([
      `input.${side}.49.opts OPTS_REQUIRED`,
    ]);
  });

  test('needs opts for its only picture as soon as the other side has more than one', async () => {
    expect(await broken(withSide(one, { [other]: many(2) }))).toEqual([`input.${side}.0.opts OPTS_REQUIRED`]);
  });
});

describe('an idempotency key', () => {
  test.each(['', 'k'.repeat(129), 'a\nb', '\u0000', `${MARKER}\u2028`, 'a\u200bb', '\ud800'])(
    'is refused: %j',
    async (idempotencyKey) => {
      expect(await broken({ sourceImage: one, targetImage: one, idempotencyKey })).toEqual([
        'input.idempotencyKey IDEMPOTENCY_KEY_INVALID',
      ]);
    },
  );
});

describe('broken rules', () => {
  test('come back all at once', async () => {
    const bad = { path: MARKER, opts: MARKER };
    const paths = await broken({
      sourceImage: [bad, { path: PATH }, ...many(47), bad],
      targetImage: [],
      idempotencyKey: '',
    });
    expect(paths.sort()).toEqual(
      [
        'input.sourceImage.0.path URL_INVALID',
        'input.sourceImage.0.opts OPTS_MALFORMED',
        'input.sourceImage.1.opts OPTS_REQUIRED',
        'input.sourceImage.49.path URL_INVALID',
        'input.sourceImage.49.opts OPTS_MALFORMED',
        'input.targetImage TOO_FEW_IMAGES',
        'input.idempotencyKey IDEMPOTENCY_KEY_INVALID',
      ].sort(),
    );
  });

  test('of every picture on both sides come back, and no more than anybody would read', async () => {
    const bad = Array.from({ length: 50 }, () => ({ path: MARKER, opts: MARKER }));
    expect(await broken({ sourceImage: bad, targetImage: bad })).toHaveLength(200);
    const tooMany = Array.from({ length: 300 }, () => ({ path: MARKER }));
    const paths = await broken({ sourceImage: tooMany, targetImage: tooMany, idempotencyKey: '' });
    expect(paths.length).toBeLessThanOrEqual(250);
    expect(paths).toContain('input.sourceImage TOO_MANY_IMAGES');
  });

  test('say what to do', async () => {
    const { fieldErrors } = await submit({
      sourceImage: [{ path: 'x', opts: 'x' }, { path: PATH }],
      targetImage: many(51),
      idempotencyKey: '',
    });
    const messageOf = (code: string) => fieldErrors.find((error) => error.code === code)?.message;
    expect(messageOf('URL_INVALID')).toContain('like https://');
    expect(messageOf('OPTS_MALFORMED')).toContain(OPTS);
    expect(messageOf('OPTS_REQUIRED')).toMatch(/detectFaces.*detectOpts: true/);
    expect(messageOf('TOO_MANY_IMAGES')).toMatch(/at most 50 images; split/);
    expect(messageOf('IDEMPOTENCY_KEY_INVALID')).toContain('1 to 128 printable characters');
    const none = await submit({ sourceImage: [], targetImage: one });
    expect(none.fieldErrors[0]?.message).toBe('must hold at least 1 image');
  });
});

/** The rules of `submitFaceSwapPlus`, and what is stored of valid input. */
import { type GraphQLSchema, graphql } from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FieldError } from '../../src/errors.js';
import { createSchema, RESOLVERS } from '../../src/resolvers/schema.js';
import { noUploads } from '../support/no-uploads.js';
import { jobWith } from '../support/samples.js';

const SUBMIT = /* GraphQL */ `
  mutation ($input: SubmitFaceSwapPlusInput!) {
    submitFaceSwapPlus(input: $input) { deduplicated job { id } }
  }
`;
const at = (name: string): string => `https://example.com/${name}`;
const pictures = { sourceUrl: at('new.jpg'), targetUrl: at('group.jpg') };
const face = { source: { faceUrl: at('face-1.jpg') }, target: { faceUrl: at('face-2.jpg') } };
const region = { x: 30, y: 0, width: 250, height: 280 };

let schema: GraphQLSchema;
beforeAll(async () => {
  schema = await createSchema(RESOLVERS);
});

/** What is stored of the input, or the rules that it breaks. */
async function submit(input: object): Promise<{ stored: unknown; broken: string[]; text: string }> {
  let stored: unknown = null;
  const submission = {
    submit: async (_tenant: string, request: never) => {
      stored = request;
      return { job: jobWith({ request }), deduplicated: false };
    },
  };
  const result = await graphql({
    schema,
    source: SUBMIT,
    variableValues: { input },
    contextValue: {
      services: { submission, uploads: noUploads, mediaUrl: () => '' },
      caller: { tenant: 'default', expiresAt: null, onlyJob: null },
    },
  });
  const broken = (result.errors ?? []).flatMap(({ originalError, message }) => {
    const extensions =
      originalError instanceof Error && 'extensions' in originalError ? originalError.extensions : null;
    const errors = (extensions as { fieldErrors?: FieldError[] } | null)?.fieldErrors;
    return errors?.map(({ path, code }) => `${path} ${code}`) ?? [message];
  });
  return { stored, broken, text: JSON.stringify(result) };
}

describe('submitFaceSwapPlus', () => {
  it('stores an input with all that was left out', async () => {
    expect(await submit({ ...pictures, faceMapping: [face] })).toMatchObject({
      broken: [],
      stored: {
        kind: 'PLUS',
        ...pictures,
        modelStyle: 'realistic',
        faceMapping: [
          {
            source: { faceUrl: at('face-1.jpg'), bbox: null },
            target: { faceUrl: at('face-2.jpg'), bbox: null },
          },
        ],
        faceEnhance: false,
        singleFaceMode: false,
      },
    });
  });

  it.each([{}, { faceMapping: null }, { faceMapping: [] }, { faceMapping: [face] }])(
    'wants no faces in single face mode: %j',
    async (more) => {
      expect((await submit({ ...pictures, singleFaceMode: true, ...more })).broken).toEqual([]);
    },
  );

  it.each([
    ['REALISTIC', 'realistic'],
    ['BEAUTIFY', 'beautify'],
    ['LOSSLESS', 'lossless'],
  ])('stores the style %s as Akool spells it', async (style, spelled) => {
    const { stored } = await submit({ ...pictures, singleFaceMode: true, modelStyle: style });
    expect(stored).toMatchObject({ modelStyle: spelled });
  });

  it('makes a bbox of a region as detectFaces gives it', async () => {
    const faceMapping = [
      {
        source: { faceUrl: pictures.sourceUrl, region },
        target: { faceUrl: pictures.targetUrl, bbox: [1, 2, 3, 4] },
      },
      { source: { faceUrl: at('face-1.jpg') }, target: { region } },
    ];
    const { stored, broken } = await submit({ ...pictures, faceMapping });
    expect(broken).toEqual([]);
    expect(stored).toMatchObject({
      faceMapping: [
        {
          source: { faceUrl: pictures.sourceUrl, bbox: [30, 0, 280, 280] },
          target: { faceUrl: pictures.targetUrl, bbox: [1, 2, 3, 4] },
        },
        { source: { bbox: null }, target: { faceUrl: null, bbox: [30, 0, 280, 280] } },
      ],
    });
  });

  it('takes eight faces', async () => {
    expect((await submit({ ...pictures, faceMapping: Array(8).fill(face) })).broken).toEqual([]);
  });

  it.each<[string, object, string[]]>([
    ['no faces', {}, ['input.faceMapping FACE_MAPPING_REQUIRED']],
    ['an empty list of faces', { faceMapping: [] }, ['input.faceMapping FACE_MAPPING_REQUIRED']],
    ['nine faces', { faceMapping: Array(9).fill(face) }, ['input.faceMapping TOO_MANY_FACES']],
    [
      'addresses that are none',
      { sourceUrl: 'secret-value', targetUrl: 'file:///secret-value', singleFaceMode: true },
      ['input.sourceUrl URL_INVALID', 'input.targetUrl URL_INVALID'],
    ],
    [
      'a face address that is none',
      { faceMapping: [face, { source: { faceUrl: 'secret-value' }, target: { faceUrl: '' } }] },
      ['input.faceMapping.1.source.faceUrl URL_INVALID', 'input.faceMapping.1.target.faceUrl URL_INVALID'],
    ],
    [
      'a source that is no picture',
      { faceMapping: [{ ...face, source: { bbox: [1, 2, 3, 4] } }] },
      ['input.faceMapping.0.source.faceUrl FACE_URL_REQUIRED'],
    ],
    [
      'a target that says nothing',
      { faceMapping: [{ ...face, target: {} }] },
      ['input.faceMapping.0.target.faceUrl FACE_URL_REQUIRED'],
    ],
    [
      'whole pictures without a place in them',
      {
        faceMapping: [{ source: { faceUrl: pictures.sourceUrl }, target: { faceUrl: pictures.targetUrl } }],
      },
      ['input.faceMapping.0.source.bbox BBOX_REQUIRED', 'input.faceMapping.0.target.bbox BBOX_REQUIRED'],
    ],
    ...[
      [1, 2, 3],
      [1, 2, 3, 4, 5],
      [3, 2, 1, 4],
      [1, 4, 3, 2],
      [1, 1, 1, 1],
      [1, 1, 1, 2],
      [1, 1, 2, 1],
      [],
    ].map((bbox): [string, object, string[]] => [
      `the bbox [${bbox}]`,
      { faceMapping: [{ ...face, source: { faceUrl: at('a.jpg'), bbox } }] },
      ['input.faceMapping.0.source.bbox BBOX_INVALID'],
    ]),
    [
      'a place given twice',
      { faceMapping: [{ ...face, target: { bbox: [1, 2, 3, 4], region } }] },
      ['input.faceMapping.0.target.region BBOX_AMBIGUOUS'],
    ],
    [
      'a region without an inside',
      { faceMapping: [{ ...face, target: { region: { ...region, width: 0, height: -1 } } }] },
      [
        'input.faceMapping.0.target.region.width REGION_INVALID',
        'input.faceMapping.0.target.region.height REGION_INVALID',
      ],
    ],
    [
      'a region beyond all numbers',
      { faceMapping: [{ ...face, target: { region: { ...region, x: 1e308, width: 1e308 } } }] },
      [
        'input.faceMapping.0.target.region.x REGION_INVALID',
        'input.faceMapping.0.target.region.width REGION_INVALID',
      ],
    ],
    [
      'a bad key',
      { singleFaceMode: true, idempotencyKey: '' },
      ['input.idempotencyKey IDEMPOTENCY_KEY_INVALID'],
    ],
  ])('refuses %s, and repeats no value', async (_what, more, broken) => {
    const answer = await submit({ ...pictures, ...more });
    expect(answer.broken.sort()).toEqual(broken.sort());
    expect(answer.stored).toBeNull();
    expect(answer.text).not.toContain('secret-value');
  });

  it.each<[string, object, string]>([
    ['no faces', {}, 'is required unless singleFaceMode is true; detectFaces returns the faces to map'],
    ['nine faces', { faceMapping: Array(9).fill(face) }, 'must hold at most 8 faces; split the request'],
    [
      'a source that is no picture',
      { faceMapping: [{ ...face, source: {} }] },
      'is required: a faceUrl from detectFaces, or your own picture',
    ],
    [
      'a target that says nothing',
      { faceMapping: [{ ...face, target: {} }] },
      'is required, unless bbox or region says where in targetUrl the face is; detectFaces returns both',
    ],
    [
      'a whole picture',
      { faceMapping: [{ ...face, source: { faceUrl: pictures.sourceUrl } }] },
      'pass cropRegion from detectFaces as region',
    ],
    [
      'a bbox from right to left',
      { faceMapping: [{ ...face, target: { bbox: [3, 2, 1, 4] } }] },
      'must be [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2',
    ],
    [
      'a place given twice',
      { faceMapping: [{ ...face, target: { bbox: [1, 2, 3, 4], region } }] },
      'give either bbox or region, not both',
    ],
  ])('says of %s what to do', async (_what, more, remedy) => {
    expect((await submit({ ...pictures, ...more })).text).toContain(remedy);
  });

  it.each([
    ['one of the two pictures, with a bbox', { faceUrl: pictures.targetUrl, bbox: [1, 2, 3, 4] }],
    ['one of the two pictures, with a region', { faceUrl: pictures.targetUrl, region }],
    ['a place in the picture', { bbox: [1, 2, 3, 4] }],
    ['a bbox in it, and no region, said so', { bbox: [1, 2, 3, 4], region: null }],
    ['a region of it, and no bbox, said so', { bbox: null, region }],
    ['a face, and no place, said so', { faceUrl: at('face.jpg'), bbox: null, region: null }],
  ])('takes as a target %s', async (_what, target) => {
    expect((await submit({ ...pictures, faceMapping: [{ ...face, target }] })).broken).toEqual([]);
  });
});

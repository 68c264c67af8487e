/**
 * What `InMemoryCache` cannot know by itself.
 *
 *     new InMemoryCache({ possibleTypes, typePolicies })
 *
 * A test compares both with schema.graphql.
 */
import type { FieldPolicy, TypePolicies } from '@apollo/client';
import { relayStylePagination, type StoreObject } from '@apollo/client/utilities';

/** The types behind each interface, so that fragments on `Job` and `Node` match. */
export const possibleTypes: Record<string, string[]> = {
  Job: ['FaceSwapJob', 'FaceSwapPlusJob'],
  Node: ['FaceSwapJob', 'FaceSwapPlusJob', 'Upload'],
};

/** Merges lists whose entries have no id but keep their places, so that queries can select different fields. */
const byPlace: FieldPolicy<readonly StoreObject[]> = {
  merge(existing, incoming, { mergeObjects }) {
    const merged = (entry: StoreObject, place: number): StoreObject => {
      const known = existing?.[place];
      return known === undefined ? entry : mergeObjects<StoreObject>(known, entry);
    };
    return incoming.map(merged);
  },
};

/**
 * Objects without an id are merged instead of replaced, so that `result { archived }` does not erase the `url` that
 * another query selected of the same job. `jobs` and `uploads` collect the pages that `fetchMore` loads, one list for
 * each filter.
 */
export const typePolicies: TypePolicies = {
  Query: {
    fields: {
      jobs: /* @__PURE__ */ relayStylePagination(['filter']),
      uploads: /* @__PURE__ */ relayStylePagination(),
    },
  },
  Account: { keyFields: [] },
  SlotUsage: { merge: true },
  UploadUsage: { merge: true },
  Job: { fields: { history: byPlace } },
  JobResult: { merge: true },
  JobError: { merge: true },
  FaceSwapJob: { fields: { sourceImage: byPlace, targetImage: byPlace } },
  FaceSwapPlusJob: { fields: { faceMapping: byPlace } },
  FaceReference: { merge: true },
  Upload: { fields: { headers: byPlace } },
  FaceDetection: { merge: true, fields: { frames: byPlace } },
  DetectedFrame: { fields: { faces: byPlace } },
  DetectedFace: { fields: { landmarks: byPlace } },
  Rectangle: { merge: true },
};

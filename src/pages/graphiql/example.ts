import type { PageConfig } from './page-config.js';

/** The document that a new user sees first. It runs unchanged, from submit to picture, with nothing to copy. */
export function exampleDocument({ sampleSource, sampleTarget }: PageConfig): string {
  return `# Swap a face, and watch it happen:
#
#   1. Press ▶ and choose Submit: a job is made.
#   2. Press "Follow this job" below the answer,
#      and see it become COMPLETED.
#
# Ctrl-Enter runs the operation at the cursor.

mutation Submit {
  submitFaceSwap(
    input: {
      # the new face
      sourceImage: [{ path: ${JSON.stringify(sampleSource)} }]
      # the picture it goes into
      targetImage: [{ path: ${JSON.stringify(sampleTarget)} }]
    }
  ) {
    job {
      id
      status
      queuePosition
      error {
        code
        message
      }
    }
  }
}

query Jobs {
  jobs(first: 5) {
    edges {
      node {
        id
        status
        createdAt
        result {
          url
        }
      }
    }
  }
}
`;
}

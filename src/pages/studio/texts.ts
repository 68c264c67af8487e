/** All texts of the studio. */
import type { JobStatus, JobUpdateSource, WaitingReason } from '@face-swap-gateway/client';

const PACKAGE =
  'It imports the package that “npm pack --workspace packages/client” makes in the gateway’s folder: npm install face-swap-gateway-client-0.1.0.tgz.';

export const TEXTS = {
  title: 'Face swap studio',
  signOut: 'Sign out',
  offline: 'The gateway can’t be reached. What you began goes on.',
  sandbox: 'Sandbox: results are simulated, and cost nothing.',
  polling: 'No live connection: news may come some seconds late.',

  signIn: {
    title: 'Sign in',
    label: 'API key or token',
    hint: 'It stays in this tab, and is forgotten when you close it.',
    button: 'Sign in',
    checking: 'Checking …',
    badToken: 'A key or token contains no blanks, and no letters with accents or of other alphabets.',
    expired:
      'Your token is no longer valid. Sign in again. A file that was being uploaded has to be chosen once more.',
  },

  form: {
    title: 'Your pictures',
    face: 'Face',
    faceHint: 'the new face',
    scene: 'Scene',
    sceneHint: 'what it goes into',
    choose: 'Choose a file',
    orDrop: 'or drop or paste it here',
    address: (slot: string) => `Or the address of a ${slot.toLowerCase()}`,
    addressLooks: 'or https://…',
    remove: (slot: string) => `Remove the ${slot.toLowerCase()}`,
    uploading: (percent: number) => `Uploading, ${percent} %`,
    loading: 'Loading …',
    readyUnmeasured: 'Ready',
    ready: (width: number, height: number) => `Ready, ${width} × ${height}`,
    noPicture: 'This page can’t show it. Akool may not find it either.',
    noVideo: 'A video can’t be the face. Choose a picture.',
    badAddress: 'This is no address that begins with https:// or http://.',
    noFaces: 'No face was found in it.',
    faces: (count: number) => (count === 1 ? '1 face found' : `${count} faces found`),
    enhance: 'Enhance the face',
    again: 'Send it again',
    samples: 'Try it with samples',
    swap: 'Swap faces',
  },

  swap: {
    title: 'Your swap',
    empty: 'Choose a face and a scene. The swap appears here.',
    ready: 'Press “Swap faces”. The swap appears here.',
    sending: 'Sending …',
    stop: 'Stop',
    position: (position: number) =>
      position === 1 ? 'Next in the queue' : `Number ${position} in the queue`,
    cancel: 'Cancel',
    /** Until the gateway has answered. */
    doing: { cancel: 'Canceling …', delete: 'Deleting …' },
    canceled: 'Canceled. It cost nothing.',
    again: 'Try again',
    zoom: 'Zoom',
    zoomed: 'The enlarged pictures',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    download: 'Download',
    delete: 'Delete',
    deleteReally: 'Delete for good',
    keep: 'Keep it',
    open: 'Open the result',
    gone: 'There is no such swap, or no longer.',
    close: 'Close',
    before: 'Before',
    after: 'After',
    slider: 'Compare before and after',
    noBefore: 'The original can’t be loaded, so there is nothing to compare with. It may no longer be kept.',
    loading: 'Loading …',
    noResult: 'The result can’t be loaded.',
    life: 'Progress',
  },

  /** Of a stage, for those who can’t see its colour. */
  stageStates: { done: 'done', now: 'under way', open: 'not yet', failed: 'the end' },

  stages: {
    accepted: 'Accepted',
    sent: 'Sent',
    working: 'Working',
    done: 'Done',
    failed: 'Failed',
    canceled: 'Canceled',
  },

  list: {
    title: 'All swaps',
    empty: 'None yet.',
    loading: 'Loading …',
    more: 'Show more',
    position: (position: number) => `Waiting, no. ${position}`,
  },

  code: {
    title: 'Show me the code',
    copy: 'Copy',
    copied: 'Copied',
    select: 'Selected, to be copied',
    operation: 'Operation',
    variables: 'Variables',
    /** By the name of a sample. */
    hints: {
      React: `As src/main.tsx of a Vite project with React. ${PACKAGE}`,
      JavaScript: `As swap.mjs, with Node 20 or newer. ${PACKAGE}`,
      GraphQL:
        'This submits the swap. Follow it by its id: subscription { jobUpdated(id: "…") { status result { url } } }',
      curl: 'This submits the swap. Ask for its result by its id, or follow it: see “Follow a job” in README.md.',
    },
    tokens: {
      React: 'Replace YOUR_TOKEN.',
      JavaScript: 'Set FACE_SWAP_TOKEN.',
      GraphQL: 'In GraphiQL, put {"Authorization": "Bearer …"} into Headers.',
      curl: 'Set FACE_SWAP_TOKEN.',
    },
    foreign: 'Another program made this swap. The studio does not know all that it asked for.',
    origin: 'The page of your project calls from another origin: name it in CORS_ORIGINS.',
    files: 'The addresses of files that were chosen here stop working some time after their last swap.',
  },

  files: {
    heic: 'HEIC pictures can’t be used. Export this one as JPEG.',
    picture: 'This kind of file can’t be used. Take a JPEG, PNG or WebP.',
    pictureOrVideo: 'This kind of file can’t be used. Take a JPEG, PNG, WebP, MP4, MOV, WebM or AVI.',
    video: 'This kind of video can’t be used. Take an MP4, MOV, WebM or AVI.',
    large: (megabytes: number) => `This file is too large. The limit is ${Number(megabytes.toFixed(1))} MB.`,
    empty: 'This file is empty.',
    unreadable: 'This can’t be read. It may be a folder, or a file that was moved.',
  },

  errors: {
    unknown: 'Something went wrong. Please try again.',
    unanswered: 'The gateway gave no answer. Please try again.',
    submitUnanswered:
      'The gateway gave no answer. Nobody knows whether the swap was accepted: look in the list before you try again.',
    rateLimited: (seconds: number) => `Too many at once. Try again in ${seconds} seconds.`,
    uploadGone: 'A picture is no longer kept. Please choose it again.',
  },
} as const;

export const STATUS_TEXTS: Readonly<Record<JobStatus, string>> = {
  WAITING: 'Waiting',
  SUBMITTING: 'Being sent',
  UNCONFIRMED: 'Being sent',
  QUEUED: 'Queued at Akool',
  PROCESSING: 'Swapping faces',
  COMPLETED: 'Done',
  FAILED: 'Failed',
  CANCELED: 'Canceled',
};

/** Who told the gateway. */
export const SOURCE_TEXTS: Readonly<Record<JobUpdateSource, string>> = {
  CLIENT: 'by request',
  GATEWAY: 'by gateway',
  SUBMIT: 'by Akool',
  WEBHOOK: 'by callback',
  POLL: 'by poll',
};

export const WAITING_TEXTS: Readonly<Record<WaitingReason, string>> = {
  SLOT: 'It is sent as soon as a place is free.',
  RETRY: 'The last attempt did not reach Akool. It is sent again soon.',
  NO_CREDIT: 'The credit does not suffice. It is sent once there is more.',
  ACCOUNT: 'Akool does not accept the account at present. It is sent once it does.',
  PAUSED: 'Sending is paused.',
};

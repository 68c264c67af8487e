/** The enums of the schema. Clients see the names; services use the values. */
import { registerEnumType } from 'type-graphql';
import { JOB_STATUSES, JOB_UPDATE_SOURCES } from '../services/jobs/job.js';
import { ERROR_AUDIENCES, JOB_ERROR_CODES } from '../services/jobs/job-error.js';
import { JOBS_NEWS_KINDS } from '../services/jobs/tenant-changes.js';
import { WAITING_REASONS } from '../services/jobs/waiting-reason.js';
import { UPLOAD_STATUSES } from '../services/uploads/upload.js';

function namedAfterThemselves<const T extends string>(names: readonly T[]): { readonly [N in T]: N } {
  return Object.fromEntries(names.map((name) => [name, name])) as { [N in T]: N };
}

export const JobStatusEnum = namedAfterThemselves(JOB_STATUSES);
registerEnumType(JobStatusEnum, {
  name: 'JobStatus',
  description:
    'The state of a job. COMPLETED, FAILED and CANCELED are final, except that a job which failed with ' +
    '`DEADLINE_EXCEEDED` or `SUBMIT_UNCONFIRMED` becomes COMPLETED when its result arrives after all.',
  valuesConfig: {
    WAITING: { description: 'Accepted and stored; waiting for a free provider slot.' },
    SUBMITTING: { description: 'Being sent to Akool.' },
    UNCONFIRMED: {
      description: 'Sent, but it is unknown whether Akool accepted it; never blindly sent again.',
    },
    QUEUED: { description: 'Accepted by Akool (its status 1).' },
    PROCESSING: { description: 'Akool is working on it (its status 2).' },
    COMPLETED: { description: 'The result is ready (its status 3).' },
    FAILED: { description: 'Refused, failed (its status 4) or past its deadline; see `error`.' },
    CANCELED: { description: 'Canceled before it was sent.' },
  },
});

export const WaitingReasonEnum = namedAfterThemselves(WAITING_REASONS);
registerEnumType(WaitingReasonEnum, {
  name: 'WaitingReason',
  description: 'Why a WAITING job is not being sent.',
  valuesConfig: {
    SLOT: { description: 'All provider slots are in use, or it is about to be sent.' },
    RETRY: { description: 'An attempt was definitely not accepted; the job waits for the next one.' },
    NO_CREDIT: {
      description:
        'Akool says that there is not enough credit (1006, 1104), or the balance is known to be too low.',
    },
    ACCOUNT: {
      description:
        'Akool refuses the account or the key (1004, 1101, 1102, 1103, 1109, 1200, 1213, 1221, HTTP 401 or 403).',
    },
    PAUSED: { description: 'The operator has paused dispatch.' },
  },
});

export const JobUpdateSourceEnum = namedAfterThemselves(JOB_UPDATE_SOURCES);
registerEnumType(JobUpdateSourceEnum, {
  name: 'JobUpdateSource',
  description: 'Who or what made a change.',
  valuesConfig: {
    CLIENT: { description: 'A caller of this gateway.' },
    GATEWAY: { description: 'The gateway itself.' },
    SUBMIT: { description: "Akool's answer to the submit." },
    WEBHOOK: { description: 'A callback from Akool.' },
    POLL: { description: "Akool's answer when the gateway polled." },
  },
});

export const JobsChangeKindEnum = namedAfterThemselves(JOBS_NEWS_KINDS);
registerEnumType(JobsChangeKindEnum, {
  name: 'JobsChangeKind',
  description: 'What `jobsChanged` tells.',
  valuesConfig: {
    CURRENT: {
      description: 'All that was missed has been told (at once without `after`): from here on it is live.',
    },
    CHANGED: { description: '`job`, in its present state, is new or has a newer version.' },
    MOVED: { description: 'Only `job.queuePosition` differs. This is not stored, and not repeated.' },
    DELETED: { description: 'The job with the id `deletedId` is gone.' },
    RESYNC: {
      description:
        'Too much happened since `after`, or the cursor is not known, or this follower reads too slowly: read `jobs` again. From here on it is live.',
    },
  },
});

export const JobErrorCodeEnum = namedAfterThemselves(JOB_ERROR_CODES);
registerEnumType(JobErrorCodeEnum, {
  name: 'JobErrorCode',
  description: 'Why an accepted job failed.',
  valuesConfig: {
    INVALID_PARAMETERS: { description: 'Akool found a parameter invalid or empty (1003).' },
    INSUFFICIENT_CREDIT: { description: 'The Akool account does not have enough credit (1006, 1104).' },
    RATE_LIMITED: { description: 'Too many jobs at once for the Akool plan (1005).' },
    TOO_MANY_FACES: { description: 'More than 8 faces (1007).' },
    CONTENT_NOT_FOUND: { description: 'A picture or video could not be found (1008, 1014).' },
    NOT_ALLOWED: { description: 'Akool does not allow this operation (1009, 1010, 1011).' },
    PROVIDER_AUTHENTICATION: { description: "Akool refused the gateway's own credentials (1101, 1102)." },
    ACCOUNT_PROBLEM: {
      description:
        'The Akool account is unverified, unpaid, blocked or has no plan (1004, 1103, 1109, 1200, …).',
    },
    MEDIA_UNSUPPORTED: {
      description: 'The length, size or format of the media is not supported (1204 to 1210).',
    },
    GENERATION_FAILED: { description: 'Akool accepted the job, then failed (1015, 1016, 1108, status 4).' },
    NO_FACE_FOUND: { description: 'Face detection found no face in a picture that needs `opts`.' },
    SUBMIT_UNCONFIRMED: {
      description:
        'It remained unknown whether Akool accepted the job; it may have been billed, and was not sent again.',
    },
    DEADLINE_EXCEEDED: { description: 'The job waited, or ran at Akool, for longer than allowed.' },
    PROVIDER_UNAVAILABLE: {
      description: 'Face detection at Akool failed again and again for a job that needs it.',
    },
    PROVIDER_ERROR: { description: 'Akool refused with an unknown code; see `providerCode`.' },
    RESULT_UNUSABLE: {
      description: 'Akool finished and billed the job, but the result URL it gave cannot be used.',
    },
  },
});

export const ErrorAudienceEnum = namedAfterThemselves(ERROR_AUDIENCES);
registerEnumType(ErrorAudienceEnum, {
  name: 'ErrorAudience',
  description: 'Who can do something about an error.',
  valuesConfig: {
    USER: { description: 'Whoever chose the pictures.' },
    OPERATOR: { description: 'Only whoever runs the gateway, or time.' },
  },
});

export const FaceSwapModelEnum = { AKOOL_FACESWAP_IMAGE_HQ: 'akool_faceswap_image_hq' } as const;
registerEnumType(FaceSwapModelEnum, {
  name: 'FaceSwapModel',
  description: "Akool's models for Face Swap Pro.",
  valuesConfig: {
    AKOOL_FACESWAP_IMAGE_HQ: { description: '`akool_faceswap_image_hq`: highest quality, images only.' },
  },
});

export const FaceSwapPlusStyleEnum = {
  REALISTIC: 'realistic',
  BEAUTIFY: 'beautify',
  LOSSLESS: 'lossless',
} as const;
registerEnumType(FaceSwapPlusStyleEnum, {
  name: 'FaceSwapPlusStyle',
  description: "Akool's styles for Face Swap Plus.",
});

export const UploadStatusEnum = namedAfterThemselves(UPLOAD_STATUSES);
registerEnumType(UploadStatusEnum, {
  name: 'UploadStatus',
  valuesConfig: {
    AWAITING: { description: 'Announced; its bytes are not stored yet.' },
    READY: { description: 'Stored and checked.' },
  },
});

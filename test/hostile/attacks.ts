/** All attacks, in the order in which they run. */
import type { Attack } from './attack.js';
import { crossSiteGets } from './attacks/cross-site-gets.js';
import { cursors } from './attacks/cursors.js';
import { dearQueries } from './attacks/dear-queries.js';
import { deepBodies } from './attacks/deep-bodies.js';
import { followTokenDocuments } from './attacks/follow-token-documents.js';
import { fullQueue } from './attacks/full-queue.js';
import { largeDetections } from './attacks/large-detections.js';
import { largeMessages } from './attacks/large-messages.js';
import { largePictures } from './attacks/large-pictures.js';
import { manyFollowers } from './attacks/many-followers.js';
import { manySubscriptions } from './attacks/many-subscriptions.js';
import { pausedGateway } from './attacks/paused-gateway.js';
import { providerTexts } from './attacks/provider-texts.js';
import { queuePositions } from './attacks/queue-positions.js';
import { repeatedCallbacks } from './attacks/repeated-callbacks.js';
import { returningFollowers } from './attacks/returning-followers.js';
import { silentSockets } from './attacks/silent-sockets.js';
import { slowDetections } from './attacks/slow-detections.js';
import { statusLists } from './attacks/status-lists.js';
import { tenantNames } from './attacks/tenant-names.js';
import { unfinishedBodies } from './attacks/unfinished-bodies.js';
import { unfinishedHeads } from './attacks/unfinished-heads.js';
import { unreadAnswers } from './attacks/unread-answers.js';
import { unreadStream } from './attacks/unread-stream.js';
import { untrustedTexts } from './attacks/untrusted-texts.js';
import { wideAnswers } from './attacks/wide-answers.js';

export const ATTACKS: readonly Attack[] = [
  slowDetections,
  unreadStream,
  queuePositions,
  wideAnswers,
  manySubscriptions,
  manyFollowers,
  returningFollowers,
  unreadAnswers,
  dearQueries,
  followTokenDocuments,
  largeMessages,
  deepBodies,
  unfinishedBodies,
  unfinishedHeads,
  silentSockets,
  untrustedTexts,
  largePictures,
  largeDetections,
  statusLists,
  fullQueue,
  pausedGateway,
  tenantNames,
  providerTexts,
  crossSiteGets,
  repeatedCallbacks,
  cursors,
];

/** The gateway's timings, shortened enough to expire during the run. */

/** The gateway's limit of slots at the provider. The sandbox's own limit is far higher: see slots.ts. */
export const MAX_CONCURRENCY = 8;
export const AKOOL_TIMEOUT_MS = 800;
export const UNCONFIRMED_SLOT_MS = 3000;

export const GATEWAY_SETTINGS = {
  AKOOL_MAX_CONCURRENCY: String(MAX_CONCURRENCY),
  AKOOL_TIMEOUT_MS: String(AKOOL_TIMEOUT_MS),
  SUBMIT_WAIT_MS: '2000',
  POLL_AFTER_MS: '200',
  UNCONFIRMED_SLOT_MS: String(UNCONFIRMED_SLOT_MS),
  ARCHIVE_TIMEOUT_MS: '2000',
  // Uploads are gone soon after their jobs, so that what is left shows at the end.
  UPLOAD_TTL_MS: '1000',
  DRAIN_MS: '2000',
  // After AKOOL_TIMEOUT_MS plus this, others take over what a killed gateway was sending.
  LEASE_GRACE_MS: '700',
};

export const SANDBOX_PACE = { queueMs: 40, processMs: 80, webhookRetryMs: 100 };

/** A stalled job ends this long after the gateway's deadline for it. */
export const STALLS_ON_MS = 2000;

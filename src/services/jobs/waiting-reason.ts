/** Why a waiting job is not being sent. */
export const WAITING_REASONS = ['SLOT', 'RETRY', 'NO_CREDIT', 'ACCOUNT', 'PAUSED'] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

/** The Akool account shared by all contenders, and callbacks sealed with it. */
import { seal } from '../src/sandbox/envelope.js';
import { post } from './http-load.js';

export const CLIENT_ID = 'bench-client-id-0123456789';
/** 24 bytes: AES-192. */
export const CLIENT_SECRET = 'bench-secret-0123456789a';

/** Akool's status numbers. */
export type ReportedStatus = 1 | 2 | 3;

/** The complete HTTP request of a callback. */
export function webhook(job: { callbackToken: string; providerId: string }, status: ReportedStatus): Buffer {
  const url = status === 3 ? `https://results.example.com/${job.providerId}.png` : '';
  const payload = { _id: job.providerId, status, type: 'faceswap', url } as const;
  const sealing = {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    timestamp: Date.now(),
    nonce: String(Math.floor(Math.random() * 10_000)),
  };
  return post(`/webhooks/akool/${job.callbackToken}`, seal(payload, sealing));
}

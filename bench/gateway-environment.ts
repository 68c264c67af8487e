/** The gateway's settings in the bench. */
import { CLIENT_ID, CLIENT_SECRET } from './keys.js';

/** The defaults, except that limits which would stop the load are off, and only warnings are logged. */
export function gatewayEnvironment(akoolUrl: string): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    AKOOL_BASE_URL: akoolUrl,
    AKOOL_API_KEY: CLIENT_SECRET,
    AKOOL_CLIENT_ID: CLIENT_ID,
    AKOOL_MAX_CONCURRENCY: '10000',
    QUEUE_LIMIT: '1000000',
    POLL_AFTER_MS: '86400000',
    KEEP_RESULTS: 'false',
    RATE_QUERIES_PER_MINUTE: '0',
    RATE_MUTATIONS_PER_MINUTE: '0',
    LOG_LEVEL: 'warn',
  };
}

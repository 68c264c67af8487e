/** Names the gateway in every request of its own. */
export const USER_AGENT = 'face-swap-gateway';

/**
 * - `idle`: nothing is followed.
 * - `connecting`: the socket is being opened, for the first time or again.
 * - `live`: changes come as they happen.
 * - `polling`: the socket can't be opened, and changes are asked for every few seconds.
 * - `offline`: the gateway can't be reached.
 */
export type Connection = 'idle' | 'connecting' | 'live' | 'polling' | 'offline';

/** In place of a WebSocket class where there is none, as on a server with Node 20: each connection fails at once, for good. */
import { CloseCode } from 'graphql-ws/client';

export class MissingSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  onclose: ((event: object) => void) | null = null;

  constructor() {
    const reason = 'There is no WebSocket: pass a class as `webSocket`.';
    queueMicrotask(() => this.onclose?.({ code: CloseCode.InternalClientError, reason, wasClean: false }));
  }

  close(): void {}
}

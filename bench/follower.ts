/** Clients that hold a socket, each following one job. */
import { WebSocket } from 'ws';
import { FOLLOW } from './operations.js';

/** `graphql`: graphql-transport-ws. `bare`: the client sends a job's id, the server sends its states. */
export type SocketProtocol = 'graphql' | 'bare';

export interface FollowerOptions {
  readonly port: number;
  readonly protocol: SocketProtocol;
}

export class Follower {
  /** Updates received so far. */
  updates = 0;
  readonly #socket: WebSocket;
  readonly #protocol: SocketProtocol;
  #operation = 0;
  #failure: Error | null = null;
  #wake: () => void = () => {};

  /** Resolves when it is ready to subscribe. */
  static async open({ port, protocol }: FollowerOptions): Promise<Follower> {
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}/graphql`,
      protocol === 'graphql' ? ['graphql-transport-ws'] : [],
      { perMessageDeflate: false },
    );
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      if (protocol === 'bare') {
        socket.once('open', () => resolve());
        return;
      }
      socket.once('open', () => socket.send('{"type":"connection_init"}'));
      socket.once('message', () => resolve());
    });
    return new Follower(socket, protocol);
  }

  private constructor(socket: WebSocket, protocol: SocketProtocol) {
    this.#socket = socket;
    this.#protocol = protocol;
    socket.on('message', (data) => this.#take(String(data)));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', (code) => this.#fail(new Error(`The socket was closed with ${code}`)));
  }

  /** Follows this job instead of the previous one. */
  follow(id: string): void {
    if (this.#protocol === 'bare') {
      this.#socket.send(id);
      return;
    }
    if (this.#operation > 0) this.#socket.send(`{"id":"${this.#operation}","type":"complete"}`);
    this.#operation += 1;
    this.#socket.send(
      JSON.stringify({
        id: String(this.#operation),
        type: 'subscribe',
        payload: { query: FOLLOW, variables: { id } },
      }),
    );
  }

  /**
   * Resolves when this many updates have arrived since the socket was opened.
   *
   * @throws Error if they do not arrive in time
   */
  async reached(updates: number, withinMs = 20_000): Promise<void> {
    const timer = setTimeout(
      () => this.#fail(new Error(`${updates} updates were expected and ${this.updates} came`)),
      withinMs,
    );
    while (this.updates < updates && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Terminates without a close handshake: only for when the server is about to be stopped. */
  drop(): void {
    this.#socket.terminate();
  }

  #take(text: string): void {
    if (text.includes('"type":"next"')) {
      this.updates += 1;
      this.#wake();
    } else if (text.includes('"type":"ping"')) {
      this.#socket.send('{"type":"pong"}');
    } else if (text.includes('"type":"error"')) {
      this.#fail(new Error(text));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}

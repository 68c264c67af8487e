/** Stands in for an operation in graphql-ws until it streams, to detect whether the client has left it. */
export class Reservation implements AsyncIterable<never> {
  #isLeft = false;
  #leave = (): void => {};

  /** Calls `leave` when the client completes the operation or its socket closes; immediately if it already has. */
  onceLeft(leave: () => void): void {
    if (this.#isLeft) leave();
    else this.#leave = leave;
  }

  /** graphql-ws calls this to end a stream. */
  async return(): Promise<void> {
    this.#isLeft = true;
    this.#leave();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<never> {}
}

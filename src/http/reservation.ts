/** What graphql-ws keeps for an operation on a socket until it streams: ours is told when the client has left it. */
export class Reservation implements AsyncIterable<never> {
  #isLeft = false;
  #leave = (): void => {};

  /** Calls it when the client has completed the operation, or its socket has closed: at once where that is so. */
  onceLeft(leave: () => void): void {
    if (this.#isLeft) leave();
    else this.#leave = leave;
  }

  /** graphql-ws calls it then, as it ends a stream. */
  async return(): Promise<void> {
    this.#isLeft = true;
    this.#leave();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<never> {}
}

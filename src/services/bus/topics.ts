/** Listeners by topic: a topic exists while somebody listens, and an event costs what its listeners cost. */
export class Topics<Event> {
  readonly #topics = new Map<string, Set<(event: Event) => void>>();

  /** Returns what ends the listening; safe to call twice. */
  add(name: string, listener: (event: Event) => void): () => void {
    // A listener of its own for each call, so that one function added twice is two listeners.
    const own = (event: Event) => listener(event);
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = new Set();
      this.#topics.set(name, topic);
    }
    topic.add(own);
    return () => {
      const current = this.#topics.get(name);
      current?.delete(own);
      if (current?.size === 0) this.#topics.delete(name);
    };
  }

  emit(name: string, event: Event): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined) for (const listener of topic) listener(event);
  }

  has(name: string): boolean {
    return this.#topics.has(name);
  }

  names(): readonly string[] {
    return [...this.#topics.keys()];
  }

  clear(): void {
    this.#topics.clear();
  }
}

/** Listeners by topic. A topic exists only while it has listeners. */
export class Topics<Event> {
  readonly #topics = new Map<string, Set<Listening<Event>>>();

  /**
   * Returns a function that removes the listener; safe to call twice. A function that is added twice is called twice.
   */
  add(name: string, listener: (event: Event) => void): () => void {
    const own = { listener };
    const topic = this.#topics.get(name) ?? new Set();
    this.#topics.set(name, topic.add(own));
    return () => {
      topic.delete(own);
      if (topic.size === 0 && this.#topics.get(name) === topic) this.#topics.delete(name);
    };
  }

  emit(name: string, event: Event): void {
    for (const { listener } of this.#topics.get(name) ?? []) listener(event);
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

interface Listening<Event> {
  readonly listener: (event: Event) => void;
}

/** Listeners by topic: a topic exists while somebody listens, and an event costs what its listeners cost. */
export class Topics<Event> {
  /** Mostly there is one listener, and thousands of topics; a set is made for the second. */
  readonly #topics = new Map<string, Listening<Event> | Set<Listening<Event>>>();

  /** Returns what ends the listening; safe to call twice. One function added twice is two listeners. */
  add(name: string, listener: (event: Event) => void): () => void {
    const own = { listener };
    const topic = this.#topics.get(name);
    if (topic === undefined) this.#topics.set(name, own);
    else if (topic instanceof Set) topic.add(own);
    else this.#topics.set(name, new Set([topic, own]));
    return () => this.#remove(name, own);
  }

  emit(name: string, event: Event): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    if (topic instanceof Set) for (const { listener } of topic) listener(event);
    else topic.listener(event);
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

  #remove(name: string, own: Listening<Event>): void {
    const topic = this.#topics.get(name);
    if (topic instanceof Set) topic.delete(own);
    if (topic === own || (topic instanceof Set && topic.size === 0)) this.#topics.delete(name);
  }
}

interface Listening<Event> {
  readonly listener: (event: Event) => void;
}

/** Seeded random numbers. Each purpose has its own generator, so that they do not affect each other. */
export class Dice {
  #state: number;

  constructor(seed: number, purpose: string) {
    let state = seed >>> 0;
    for (const letter of purpose) state = (Math.imul(state ^ letter.charCodeAt(0), 0x01000193) + 1) >>> 0;
    this.#state = state;
  }

  /** Returns a number from 0 to below 1, by the generator "mulberry32". */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  between(least: number, most: number): number {
    return least + this.roll() * (most - least);
  }

  chance(share: number): boolean {
    return this.roll() < share;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.roll() * choices.length)] ?? choices[0];
  }
}

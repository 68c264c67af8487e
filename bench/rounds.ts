/** Rounds in turn, and what many figures come to. */

export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** One a round, in the order of the rounds. */
  readonly values: readonly number[];
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0, values };
}

/** Round by round: what slows the machine down for a while slows both. */
export function ratioOf(a: Figure, b: Figure): Figure {
  return figureOf(a.values.map((value, i) => value / (b.values[i] ?? Number.NaN)));
}

/** Of rounds that were not taken in turns: the medians', and what it could be at the least and at the most. */
export function ratioOfMedians(a: Figure, b: Figure): Figure {
  return figureOf([a.least / b.most, a.median / b.median, a.most / b.least]);
}

/** @param sorted ascending */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? 0;
  return below + (above - below) * (at - Math.floor(at));
}

/** Each round asks all, beginning with another one every time. */
export async function interleaved<T>(
  rounds: number,
  all: readonly T[],
  measure: (one: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < all.length; i += 1) {
      const one = all[(round + i) % all.length];
      if (one !== undefined) await measure(one, round);
    }
  }
}

/** Interleaved rounds, and statistics over their figures. */

export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** One per round, in order. */
  readonly values: readonly number[];
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0, values };
}

/** Computed round by round: whatever slows the machine for a while slows both. */
export function ratioOf(a: Figure, b: Figure): Figure {
  return figureOf(a.values.map((value, i) => value / (b.values[i] ?? Number.NaN)));
}

/** For rounds that did not alternate: the ratio of the medians, with the least and the most it could be. */
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

/** Runs all contenders in each round, starting with a different one every time. */
export async function interleaved<T>(
  rounds: number,
  all: readonly T[],
  measure: (one: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const one of rotated(all, round)) await measure(one, round);
  }
}

/** Begins with a different one in every round. */
export function rotated<T>(all: readonly T[], round: number): readonly T[] {
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

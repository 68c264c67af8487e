/** Finds variables that look like settings but are none, so that a typo is not ignored in silence. */
import { closest, distance } from 'fastest-levenshtein';

/** What Kubernetes and Docker set for a service of that name. */
const OF_A_SERVICE = /_(?:SERVICE_(?:HOST|PORT)|PORT(?:_\d|$))/;
/** Typos: a letter too many, too few, or another one. */
const MAX_DISTANCE = 2;
/** Shorter names are too much like others'. */
const MIN_CHARACTERS = 8;

/** What Akool calls a setting of ours: its clientSecret is the API key. */
const ALIASES: Readonly<Record<string, string>> = { AKOOL_CLIENT_SECRET: 'AKOOL_API_KEY' };

export interface UnknownName {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly nearest: string;
}

/**
 * Empty variables count as unset.
 *
 * @param ours names that are settings or mistakes, in capitals
 */
export function unknownNames(
  environment: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
  ours: RegExp,
): readonly UnknownName[] {
  const candidates = known.filter(({ length }) => length >= MIN_CHARACTERS - MAX_DISTANCE);
  return Object.keys(environment).flatMap((name) => {
    if (known.includes(name) || OF_A_SERVICE.test(name) || !environment[name]?.trim()) return [];
    const spelled = name.toUpperCase();
    const nearest = ALIASES[spelled] ?? closest(spelled, candidates);
    const isTypo = spelled.length >= MIN_CHARACTERS && distance(spelled, nearest) <= MAX_DISTANCE;
    return isTypo || ours.test(spelled) ? [{ name, nearest }] : [];
  });
}

export function warningOf({ name, nearest }: UnknownName): string {
  return `${name} is not a setting, and is ignored; did you mean ${nearest}?`;
}

/** Finds variables that look like settings but are none, so that a typo is not ignored in silence. */
import { closest, distance } from 'fastest-levenshtein';

/** What Kubernetes and Docker set for a service of that name; its `…_PORT` is an address. */
const OF_A_SERVICE = /_(?:SERVICE_(?:HOST|PORT)|PORT_\d)|_PORT=\w+:\/\//;
/** What is easily left out at the end of a name. */
const UNIT = /^_(?:MS|S|BYTES|PER_MINUTE|PIXELS)$/;
/** Typos: a letter too many, too few, or another one. */
const MAX_DISTANCE = 2;
/** Shorter names are too much like others'. */
const MIN_CHARACTERS = 8;

/** What Akool and other programs call a setting of ours: Akool's clientSecret is the API key. */
const ALIASES: Readonly<Record<string, string>> = {
  AKOOL_CLIENT_SECRET: 'AKOOL_API_KEY',
  AUTH_JWT_KEY: 'AUTH_JWT_SECRET',
  CORS_ALLOWED_ORIGINS: 'CORS_ORIGINS',
  UPLOAD_MAX_BYTES: 'UPLOAD_MAX_IMAGE_BYTES',
};

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
    const value = environment[name]?.trim() ?? '';
    if (known.includes(name) || value === '' || OF_A_SERVICE.test(`${name}=${value}`)) return [];
    const spelled = name.toUpperCase();
    const meant = ALIASES[spelled] ?? candidates.find((one) => isWithoutUnit(spelled, one));
    const nearest = meant ?? closest(spelled, candidates);
    const isTypo = spelled.length >= MIN_CHARACTERS && distance(spelled, nearest) <= MAX_DISTANCE;
    return meant !== undefined || isTypo || ours.test(spelled) ? [{ name, nearest }] : [];
  });
}

function isWithoutUnit(name: string, setting: string): boolean {
  return setting.startsWith(name) && UNIT.test(setting.slice(name.length));
}

export function warningOf({ name, nearest }: UnknownName): string {
  return `${name} is not a setting, and is ignored; did you mean ${nearest}?`;
}

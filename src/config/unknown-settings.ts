/** Finds variables that look like settings but are none, so that a typo is not ignored in silence. */
import { closest, distance } from 'fastest-levenshtein';
import type { Environment } from './config.js';
import { SETTINGS, type Setting } from './settings.js';

/** Settings that are read elsewhere (see docs/sandbox.md), or only by other programs. */
const OTHERS = /^SANDBOX_|^(?:all|ftp|socks|wss?)_proxy$/i;
/** Nobody else's variables begin like this. */
const OURS = /^(?:AKOOL|AUTH_(?:API|JWT|JWKS)|ARCHIVE|UNCONFIRMED)_/;
/** What Kubernetes and Docker set for a service of that name. */
const OF_A_SERVICE = /_(?:SERVICE_(?:HOST|PORT)|PORT(?:_\d|$))/;
/** Typos: a letter too many, too few, or another one. */
const MAX_DISTANCE = 2;
/** Shorter names are too much like others'. */
const MIN_CHARACTERS = 8;

export interface UnknownSetting {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly nearest: string;
}

/** Empty variables count as unset. */
export function unknownSettings(environment: Environment): readonly UnknownSetting[] {
  const known = Object.entries<Setting<unknown>>(SETTINGS).flatMap(([name, { alsoLowercase }]) =>
    alsoLowercase === true ? [name, name.toLowerCase()] : name,
  );
  return Object.keys(environment).flatMap((name) => {
    const spelled = name.toUpperCase();
    const isKnown = known.includes(name) || OTHERS.test(name) || OF_A_SERVICE.test(name);
    if (isKnown || !environment[name]?.trim()) return [];
    const nearest = closest(spelled, known);
    const isTypo = spelled.length >= MIN_CHARACTERS && distance(spelled, nearest) <= MAX_DISTANCE;
    return isTypo || OURS.test(spelled) ? [{ name, nearest }] : [];
  });
}

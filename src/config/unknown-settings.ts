/** Finds variables that look like settings of the gateway or its sandbox but are none. */
import { SETTING_NAMES as SANDBOX_NAMES } from '../sandbox/settings.js';
import { type UnknownName, unknownNames } from '../sandbox/unknown-names.js';
import type { Environment } from './config.js';
import { SETTINGS, type Setting } from './settings.js';

export { type UnknownName, warningOf } from '../sandbox/unknown-names.js';

/** Only other programs read these. */
const OTHERS = ['all_proxy', 'ftp_proxy', 'socks_proxy', 'ws_proxy', 'wss_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
]);
/** Nobody else's variables are named like this; Auth.js has other `AUTH_…`. */
const OURS =
  /^(?:(?:AKOOL|AUTH_(?:API|JWT|JWKS)|ARCHIVE|SANDBOX|UNCONFIRMED)_|AUTH_(?:ISSUER|AUDIENCE|KEYS?|JWT)$)/;

/** Empty variables count as unset. */
export function unknownSettings(environment: Environment): readonly UnknownName[] {
  const own = Object.entries<Setting<unknown>>(SETTINGS).flatMap(([name, { alsoLowercase }]) =>
    alsoLowercase === true ? [name, name.toLowerCase()] : name,
  );
  return unknownNames(environment, [...own, ...SANDBOX_NAMES, ...OTHERS], OURS);
}

/** Finds settings that are valid by themselves, but not together. */
import { isLocalUrl, isLoopback } from '../loopback.js';
import { faultOfTenantName } from '../tenant-name.js';
import type { Values } from './settings.js';

/** With a path like these it would be unclear what a proxy has stripped. */
const ROUTES = /^\/(?:graphql|graphiql|studio|home|media|uploads|webhooks|healthz|readyz|metrics)(?:\/|$)/;

/** Returns one line for each contradiction. Settings that are not valid are undefined, despite their types. */
export function contradictionsIn(v: Values): readonly string[] {
  return [
    ...keyMistakes(v),
    ...publicUrlMistakes(v),
    ...portMistakes(v),
    ...callerMistakes(v),
    ...tenantMistakes(v),
    ...archiveMistakes(v),
  ];
}

export function isProduction({ NODE_ENV }: Values): boolean {
  return NODE_ENV?.toLowerCase() === 'production';
}

/** Whether callers have to authenticate. */
export function hasCallers(v: Values): boolean {
  return v.AUTH_API_KEYS !== null || v.AUTH_JWKS_URL !== null || v.AUTH_JWT_SECRET !== null;
}

function keyMistakes(v: Values): readonly string[] {
  const mistakes: string[] = [];
  if (v.AKOOL_AUTH === 'token' && (v.AKOOL_API_KEY === null || v.AKOOL_CLIENT_ID === null)) {
    mistakes.push('AKOOL_AUTH is "token"; this requires AKOOL_CLIENT_ID and AKOOL_API_KEY');
  }
  if (v.AKOOL_API_KEY === null && v.SANDBOX === false) {
    mistakes.push('SANDBOX is "false"; this requires AKOOL_API_KEY');
  }
  if (v.AKOOL_API_KEY !== null && v.SANDBOX === true) {
    mistakes.push('SANDBOX is "true", but AKOOL_API_KEY is set; remove one or the other');
  }
  const sign = v.AKOOL_API_KEY === null && v.SANDBOX === null ? signOfAkool(v) : null;
  if (sign !== null) {
    mistakes.push(
      `${sign}; this requires AKOOL_API_KEY, or SANDBOX=true, which says that made-up pictures are meant`,
    );
  }
  return mistakes;
}

/** Returns what shows that Akool itself is meant; null if nothing does. */
function signOfAkool(v: Values): string | null {
  if (isProduction(v)) return 'NODE_ENV is "production"';
  if (v.AKOOL_CLIENT_ID !== null) return 'AKOOL_CLIENT_ID is set';
  return v.PUBLIC_URL != null && !isLocalUrl(v.PUBLIC_URL) ? 'PUBLIC_URL is not of this machine' : null;
}

function publicUrlMistakes(v: Values): readonly string[] {
  if (v.PUBLIC_URL == null || !ROUTES.test(new URL(v.PUBLIC_URL).pathname)) return [];
  return [
    `PUBLIC_URL is ${JSON.stringify(v.PUBLIC_URL)}; its path must not begin like an address of the gateway, such as /graphql or /media`,
  ];
}

function portMistakes({
  PORT: port,
  SANDBOX_PORT: sandboxPort,
  AKOOL_API_KEY: key,
}: Values): readonly string[] {
  const isTaken = key === null && port !== undefined && port !== 0 && port === sandboxPort;
  return isTaken ? [`SANDBOX_PORT is "${port}", which is PORT; it must be another port`] : [];
}

function callerMistakes(v: Values): readonly string[] {
  const mistakes: string[] = [];
  if (v.AUTH_JWKS_URL === null && v.AUTH_JWT_SECRET === null) {
    mistakes.push(...lonely(v, ['AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE'], 'AUTH_JWKS_URL or AUTH_JWT_SECRET'));
  }
  if (hasCallers(v) && v.AUTH === 'none') {
    mistakes.push(
      'AUTH is "none", but AUTH_API_KEYS, AUTH_JWKS_URL or AUTH_JWT_SECRET is set; remove one or the other',
    );
  }
  if (!hasCallers(v) && v.AUTH === null && v.HOST !== undefined && !isLoopback(v.HOST)) {
    mistakes.push(
      `HOST is ${JSON.stringify(v.HOST)}; without AUTH_API_KEYS, AUTH_JWKS_URL or AUTH_JWT_SECRET it must be a loopback address, unless AUTH=none opens the gateway to everyone`,
    );
  }
  return mistakes;
}

/** The message gives the position of the entry, because the entry contains a key. */
function tenantMistakes({ AUTH_API_KEYS: keys }: Values): readonly string[] {
  return (keys ?? []).flatMap(({ tenant }, i) => {
    const fault = faultOfTenantName(tenant);
    return fault === null ? [] : [`AUTH_API_KEYS: entry ${i + 1} is for a tenant that ${fault}`];
  });
}

/** Without a bucket the `AWS_…` settings are ignored, because they may be meant for other programs. */
function archiveMistakes(v: Values): readonly string[] {
  if (v.ARCHIVE_S3_BUCKET === null) {
    return lonely(v, ['ARCHIVE_S3_PREFIX', 'ARCHIVE_S3_PATH_STYLE'], 'ARCHIVE_S3_BUCKET');
  }
  // Already reported as invalid.
  if (v.ARCHIVE_S3_BUCKET === undefined) return [];
  const mistakes: string[] = [];
  if (v.AWS_REGION === null && v.AWS_ENDPOINT_URL_S3 === null) {
    mistakes.push(
      'ARCHIVE_S3_BUCKET is set; this requires AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store other than Amazon S3',
    );
  }
  if ((v.AWS_ACCESS_KEY_ID === null) !== (v.AWS_SECRET_ACCESS_KEY === null)) {
    const [there, missing] =
      v.AWS_ACCESS_KEY_ID === null
        ? ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID']
        : ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
    mistakes.push(`${there} is set; this requires ${missing}`);
  }
  return mistakes;
}

/** The mistakes of settings that mean nothing without what is `missing`. */
function lonely(v: Values, names: readonly (keyof Values)[], missing: string): readonly string[] {
  return names.filter((name) => v[name] !== null).map((name) => `${name} is set; this requires ${missing}`);
}

import { expect, test } from 'vitest';
import { SETTINGS } from '../../src/config/settings.js';
import { unknownSettings } from '../../src/config/unknown-settings.js';
import { SETTING_NAMES } from '../../src/sandbox/settings.js';

test.each([
  ['AKOOL_APIKEY', 'AKOOL_API_KEY'],
  ['AKOOL_KEY', 'AKOOL_API_KEY'],
  ['AKOOL_CLIENT_SECRET', 'AKOOL_API_KEY'],
  ['AUTH_API_KEY', 'AUTH_API_KEYS'],
  ['auth_jwt_secret', 'AUTH_JWT_SECRET'],
  ['AUTH_ISSUER', 'AUTH_JWT_ISSUER'],
  ['AUTH_AUDIENCE', 'AUTH_JWT_AUDIENCE'],
  ['AUTH_KEYS', 'AUTH_API_KEYS'],
  ['AUTH_KEY', 'AUTH_API_KEYS'],
  ['AUTH_JWT', 'AUTH_JWKS_URL'],
  ['SANDBOX_FAULT', 'SANDBOX_FAULTS'],
  ['SANDBOX_CREDITS', 'SANDBOX_CREDIT'],
  ['SANDBOX_PRICE', 'SANDBOX_PORT'],
  ['CORS_ORIGIN', 'CORS_ORIGINS'],
  ['DATABASE_URI', 'DATABASE_URL'],
  ['PUBLIC_URI', 'PUBLIC_URL'],
  ['RETENTION_DAY', 'RETENTION_DAYS'],
  ['UPLOAD_TTL', 'UPLOAD_TTL_MS'],
  ['QUEUE_TTL', 'QUEUE_TTL_MS'],
  ['KEEP_ALIVE', 'KEEP_ALIVE_MS'],
  ['UPLOAD_QUOTA', 'UPLOAD_QUOTA_BYTES'],
  ['RATE_QUERIES', 'RATE_QUERIES_PER_MINUTE'],
  ['UPLOAD_MAX_BYTES', 'UPLOAD_MAX_IMAGE_BYTES'],
  ['CORS_ALLOWED_ORIGINS', 'CORS_ORIGINS'],
  ['AUTH_JWT_KEY', 'AUTH_JWT_SECRET'],
  ['SANBOX_PORT', 'SANDBOX_PORT'],
])('%s is not a setting, but %s is', (name, nearest) => {
  expect(unknownSettings({ [name]: 'x' })).toEqual([{ name, nearest }]);
});

test('no setting is unknown, nor what is empty or meant for other programs', () => {
  const others = [
    ...[
      'PATH',
      'HOME',
      'HOSTNAME',
      'LANG',
      'NODE_OPTIONS',
      'NODE_EXTRA_CA_CERTS',
      'TZ',
      'npm_config_registry',
    ],
    ...[
      'AWS_PROFILE',
      'AWS_DEFAULT_REGION',
      'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
      'PGUSER',
      'PGPASSWORD',
    ],
    ...['HTTPS_PROXY', 'NO_PROXY', 'KUBERNETES_SERVICE_HOST'],
    ...[
      'AUTH_SECRET',
      'AUTH_URL',
      'AUTH_TRUST_HOST',
      'AUTH_SERVICE_HOST',
      'AUTH_SERVICE_PORT',
      'AUTH_PORT',
      'AUTH_PORT_80_TCP',
      'AUTH_PORT_80_TCP_ADDR',
    ],
    ...Object.keys(SETTINGS),
    ...SETTING_NAMES,
  ];
  expect(unknownSettings(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
  expect(unknownSettings({ SANBOX_PORT: 'tcp://10.0.0.1:80' })).toEqual([]);
  expect(unknownSettings({ AKOOL_KEY: ' ', AUTH_API_KEY: undefined })).toEqual([]);
});

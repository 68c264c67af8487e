import { expect, test } from 'vitest';
import { SETTINGS } from '../../src/config/settings.js';
import { unknownSettings } from '../../src/config/unknown-settings.js';

test.each([
  ['AKOOL_APIKEY', 'AKOOL_API_KEY'],
  ['AKOOL_KEY', 'AKOOL_API_KEY'],
  ['AUTH_API_KEY', 'AUTH_API_KEYS'],
  ['auth_jwt_secret', 'AUTH_JWT_SECRET'],
  ['CORS_ORIGIN', 'CORS_ORIGINS'],
  ['DATABASE_URI', 'DATABASE_URL'],
  ['PUBLIC_URI', 'PUBLIC_URL'],
  ['RETENTION_DAY', 'RETENTION_DAYS'],
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
    ...['SANDBOX_SEED', 'SANDBOX_QUEUE_MS', 'HTTPS_PROXY', 'NO_PROXY', 'KUBERNETES_SERVICE_HOST'],
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
  ];
  expect(unknownSettings(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
  expect(unknownSettings({ AKOOL_KEY: ' ', AUTH_API_KEY: undefined })).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import { isOriginPattern, matchesOrigin } from '../../src/config/origins.js';

describe('CORS_ORIGINS', () => {
  test.each([
    '*',
    'null',
    'https://app.example.com',
    'http://localhost:5173',
    'https://*.example.com',
    'https://*.example.com:8443',
    'http://*.localhost:3000',
    'capacitor://localhost',
    'ionic://localhost',
    'tauri://localhost',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'app://obsidian.md',
    'safari-web-extension://2A7D9E40-0F3C-4C52-9C2D-5A0F3F0B6E11',
    'file://',
  ])('may have %s', (origin) => {
    expect(isOriginPattern(origin)).toBe(true);
  });

  test.each([
    '',
    'app.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://App.example.com',
    'https://app.example.com:443',
    'https://user@app.example.com',
    'https://*',
    'https://*.com',
    'https://app.*.com',
    'https://*.*.example.com',
    'https://**.example.com',
    'https://*example.com',
    'capacitor://localhost/',
    'capacitor:localhost',
    'file:///index.html',
    'capacitor://localhost:99999',
    'ws://localhost:3000',
    'wss://app.example.com',
    'ftp://files.example.com',
    'chrome-extension://*',
    'htps://app.example.com',
    'httpss://app.example.com',
    'localhost://5173',
  ])('may not have what no browser sends: %j', (origin) => {
    expect(isOriginPattern(origin)).toBe(false);
  });

  test.each([
    ['https://*.example.com', 'https://app.example.com', true],
    ['https://*.example.com', 'https://a-1.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://a.b.example.com', false],
    ['https://*.example.com', 'http://app.example.com', false],
    ['https://*.example.com', 'https://app.example.com:8443', false],
    ['https://*.example.com', 'https://app.example.com.evil.com', false],
    ['https://*.example.com', 'https://evil.com/.example.com', false],
    ['https://*.example.com', 'https://.example.com', false],
    ['https://*.example.com', 'https://example.com.example.com', false],
    ['http://*.localhost:3000', 'http://shop.localhost:3000', true],
    ['null', 'null', true],
    ['file://', 'file://', true],
    ['capacitor://localhost', 'capacitor://localhost', true],
    ['capacitor://localhost', 'ionic://localhost', false],
    ['*', 'https://any.example.com', true],
  ])('%s and the origin %s: %s', (pattern, origin, isMatch) => {
    expect(matchesOrigin(['https://other.example.com', pattern], origin)).toBe(isMatch);
  });
});

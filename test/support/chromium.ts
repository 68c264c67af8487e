/** The Chromium of tests in a browser. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Of Debian; takes a third less processor time than the whole browser. */
const HEADLESS_SHELL = '/usr/bin/chromium-headless-shell';
const executablePath =
  process.env['CHROMIUM_PATH'] ?? (existsSync(HEADLESS_SHELL) ? HEADLESS_SHELL : '/usr/bin/chromium');

/** A host that leads to this machine though its name does not say so. */
export const ELSEWHERE = 'elsewhere.test';

/** Returns false with a warning if it is not installed; throws in CI, where it must be. */
export function isChromiumInstalled(): boolean {
  if (existsSync(executablePath)) return true;
  const message = `Chromium is not at ${executablePath} (CHROMIUM_PATH): its tests are skipped`;
  if (process.env['CI']) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

export function launchChromium(): Promise<Browser> {
  const args = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // No internet. Playwright's routes would also turn off the browser's cache.
    `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost`,
  ];
  return chromium.launch({ executablePath, args });
}

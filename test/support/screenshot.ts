import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright-core';

/** Saved for the README if SCREENSHOTS names a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const directory = process.env['SCREENSHOTS'];
  if (directory === undefined) return;
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: `${directory}/${name}.png` });
}

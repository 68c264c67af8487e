/** The studio in a real Chromium: opens the page, uses it as people do, and reads it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { type Watched, watchPage } from './watched-page.js';

export type Slot = 'Face' | 'Scene';

export interface StudioOptions extends BrowserContextOptions {
  /** What follows `/studio`. */
  readonly hash?: string;
  /** Called before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

export interface Samples {
  readonly source: Buffer;
  readonly target: Buffer;
}

/** Of a sandbox. */
export async function samplesOf({ url }: { readonly url: string }): Promise<Samples> {
  const read = async (name: string): Promise<Buffer> => {
    const answer = await fetch(`${url}/samples/${name}.png`);
    return Buffer.from(await answer.arrayBuffer());
  };
  const [source, target] = await Promise.all([read('source-face'), read('target-face')]);
  return { source, target };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class StudioPage {
  readonly page: Page;
  readonly watched: Watched;

  /** @param url of the gateway */
  static async open(browser: Browser, url: string, options: StudioOptions = {}): Promise<StudioPage> {
    const { hash = '', prepare, ...contextOptions } = options;
    const context = await browser.newContext({
      viewport: { width: 1200, height: 900 },
      colorScheme: 'light',
      // To draw what moves takes most of the processor where there is no graphics card.
      reducedMotion: 'reduce',
      ...contextOptions,
    });
    const opened = new StudioPage(await context.newPage());
    await prepare?.(opened.page);
    await opened.page.goto(`${url}/studio${hash}`);
    await opened.page.getByRole('heading', { level: 1, name: 'Face swap studio' }).waitFor();
    return opened;
  }

  private constructor(page: Page) {
    this.page = page;
    this.watched = watchPage(page);
    page.setDefaultTimeout(30_000);
  }

  /** Another tab of the same browser. */
  async otherTab(): Promise<StudioPage> {
    const other = new StudioPage(await this.page.context().newPage());
    await other.page.goto(this.page.url());
    return other;
  }

  close(): Promise<void> {
    return this.page.context().close();
  }

  slot(name: Slot): Locator {
    return this.page.getByRole('region', { name: new RegExp(`^${name}`) });
  }

  get swap(): Locator {
    return this.page.getByRole('region', { name: 'Your swap', exact: true });
  }

  get cards(): Locator {
    return this.page.getByRole('region', { name: 'All swaps' }).getByRole('listitem');
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  async choose(slot: Slot, name: string, mimeType: string, buffer: Buffer): Promise<void> {
    await this.slot(slot).locator('input[type=file]').setInputFiles({ name, mimeType, buffer });
  }

  /** Chooses the same two pictures as the samples, as files. */
  async chooseBoth({ source, target }: Samples): Promise<void> {
    await this.choose('Face', 'me.png', 'image/png', source);
    await this.choose('Scene', 'beach.png', 'image/png', target);
    for (const slot of ['Face', 'Scene'] as const) await this.isReady(slot);
  }

  /** Until the picture in it can be swapped. */
  isReady(slot: Slot): Promise<void> {
    return this.slot(slot)
      .getByText(/^Ready, /)
      .waitFor();
  }

  /** Until Akool has the swap that is shown. */
  isQueued(): Promise<void> {
    return this.swap.getByText('Queued at Akool').first().waitFor();
  }

  async type(slot: Slot, address: string): Promise<void> {
    const field = this.slot(slot).getByRole('textbox');
    await field.fill(address);
    await field.press('Enter');
  }

  /** The gateway says no to operations with this field from now on. */
  async refuse(field: string, message: string): Promise<void> {
    await this.page.route('**/graphql', (route) =>
      route.request().postData()?.includes(field) === true
        ? route.fulfill({
            status: 200,
            json: { data: null, errors: [{ message, extensions: { code: 'BAD_USER_INPUT' } }] },
          })
        : route.fallback(),
    );
  }

  /** What axe finds wrong: one line for each rule and element. */
  async faults(): Promise<readonly string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    );
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
    );
  }
}

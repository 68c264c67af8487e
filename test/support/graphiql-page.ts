/** GraphiQL in a real Chromium: opens the page, types into it and reads it. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type Watched, watchPage } from './watched-page.js';

export interface OpenOptions extends BrowserContextOptions {
  /** The address that is opened, relative to the gateway; without it, the page itself. */
  readonly address?: string;
  /** Called before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** GraphiQL of one gateway, in a context of its own. */
export class GraphiqlPage {
  readonly page: Page;
  /** Requests that would leave this machine. */
  readonly outside: Watched['outside'];
  /** Errors and warnings of the page, in its console or not caught. */
  readonly complaints: Watched['complaints'];
  /** The URLs of its WebSockets. */
  readonly sockets: Watched['sockets'];

  /** @param url of the gateway */
  static async open(browser: Browser, url: string, options: OpenOptions = {}): Promise<GraphiqlPage> {
    const { address = 'graphiql', prepare, ...contextOptions } = options;
    const context = await browser.newContext({
      viewport: { width: 1400, height: 900 },
      colorScheme: 'light',
      ...contextOptions,
    });
    const opened = new GraphiqlPage(await context.newPage());
    await prepare?.(opened.page);
    await opened.page.goto(`${url}/${address}`);
    await opened.page.locator('.graphiql-query-editor .view-line').first().waitFor();
    return opened;
  }

  private constructor(page: Page) {
    this.page = page;
    const { outside, complaints, sockets } = watchPage(page);
    this.outside = outside;
    this.complaints = complaints;
    this.sockets = sockets;
    page.setDefaultTimeout(30_000);
  }

  close(): Promise<void> {
    return this.page.context().close();
  }

  /** Leaves one empty tab, and nothing that runs. To load the page again would take seconds. */
  async startOver(): Promise<void> {
    const stop = this.page.getByRole('button', { name: /^Stop query/ });
    // What runs may end by itself meanwhile.
    while (await stop.isVisible()) await stop.click({ timeout: 2000 }).catch(() => {});
    await this.page.getByRole('button', { name: 'New tab' }).click();
    // Seen only under the mouse.
    const closers = this.page.locator('.graphiql-tab-close');
    const tabs = this.page.locator('.graphiql-tab');
    for (let left = (await tabs.count()) - 1; left > 0; left -= 1) {
      await closers.first().dispatchEvent('click');
      await tabs.nth(left).waitFor({ state: 'detached' });
    }
  }

  /** Replaces the document of the present tab. */
  async paste(document: string): Promise<void> {
    await this.#pasteInto('.graphiql-query-editor .monaco-editor', document);
    // Until then, ▶ offers the operations of the previous document.
    await this.page.waitForFunction(
      (text) => (globalThis as unknown as PageGlobal).localStorage['graphiql:query'] === text,
      document,
    );
  }

  /** Replaces what is in Variables or Headers. */
  async fill(tool: 'Variables' | 'Headers', json: object): Promise<void> {
    await this.page.getByRole('button', { name: tool }).click();
    await this.#pasteInto('.graphiql-editor-tool .graphiql-editor:not(.hidden)', JSON.stringify(json));
  }

  /** Typing would indent the text and close its brackets. */
  async #pasteInto(editor: string, text: string): Promise<void> {
    await this.page.locator(editor).click();
    await this.page.keyboard.press('Control+A');
    await this.page.evaluate((data) => {
      const { DataTransfer, ClipboardEvent, document } = globalThis as unknown as PageGlobal;
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', data);
      document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, text);
  }

  /** Presses ▶, and chooses an operation if the document has several. */
  async execute(operation?: string): Promise<void> {
    await this.page.getByRole('button', { name: /^Execute query/ }).click();
    if (operation !== undefined)
      await this.page.getByRole('menuitem', { name: operation, exact: true }).click();
  }

  /** The whole text of one of GraphiQL's editors; the DOM contains only the visible lines. */
  textOf(file: 'operation.graphql' | 'variables.json' | 'request-headers.json' | 'response.json') {
    return this.page.evaluate((name) => {
      const { __MONACO } = globalThis as unknown as PageGlobal;
      const models = __MONACO.editor.getModels();
      return models.find(({ uri }) => uri.path.endsWith(name))?.getValue() ?? '';
    }, file);
  }

  /** The answer on the page; undefined if there is none yet. */
  async answer(): Promise<unknown> {
    const text = await this.textOf('response.json');
    return text === '' ? undefined : JSON.parse(text);
  }

  /** How far the lines of each visible editor are wider than its pane, in pixels. */
  overflows(): Promise<number[]> {
    return this.page.evaluate(() =>
      (globalThis as unknown as PageGlobal).__MONACO.editor
        .getEditors()
        .filter((editor) => editor.getDomNode()?.offsetParent)
        .map((editor) => Math.max(0, editor.getScrollWidth() - editor.getLayoutInfo().contentWidth)),
    );
  }
}

interface PageGlobal {
  localStorage: Record<string, string>;
  DataTransfer: new () => { setData(format: string, data: string): void };
  ClipboardEvent: new (type: string, init: object) => Event;
  document: { activeElement: EventTarget | null };
  __MONACO: { editor: { getModels(): MonacoModel[]; getEditors(): MonacoEditor[] } };
}

interface MonacoModel {
  uri: { path: string };
  getValue(): string;
}

interface MonacoEditor {
  getScrollWidth(): number;
  getDomNode(): { offsetParent: object | null } | null;
  getLayoutInfo(): { contentWidth: number };
}

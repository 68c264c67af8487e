/** A gateway only for the demo: in this process, on free ports, with the sandbox and a temporary database. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../app.js';
import { readConfig } from '../config/config.js';

export interface OwnGateway {
  readonly url: string;
  /** Copies a result, which is deleted with its gateway, to a file; returns null if it can't be downloaded. */
  keepPicture(url: string): Promise<string | null>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export async function startOwnGateway(): Promise<OwnGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'face-swap-demo-'));
  // Ignores the environment: a demo must not spend the credit of a key that is set there.
  const { config, secrets } = readConfig({
    PORT: '0',
    SANDBOX_PORT: '0',
    DATABASE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    ARCHIVE_DIR: join(folder, 'archive'),
    LOG_LEVEL: 'silent',
  });
  const app = createApp(config, secrets);
  const stop = async (): Promise<void> => {
    await app.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { url } = await app.start();
    return { url, keepPicture, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function keepPicture(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) return null;
    const folder = await mkdtemp(join(tmpdir(), 'face-swap-result-'));
    const file = join(folder, 'result.png');
    await writeFile(file, Buffer.from(await response.arrayBuffer()));
    return file;
  } catch {
    return null;
  }
}

/** A gateway only for the demo: in this process, on free ports, with the sandbox and a temporary database. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../app.js';
import { readConfig } from '../config/config.js';

export interface OwnGateway {
  readonly url: string;
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
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

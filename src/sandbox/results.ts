/**
 * The pictures and videos of finished jobs. Most are drawn for each request. A swap with an upload shows the caller's
 * own pictures, which may be erased any time after the job: it is made before the job ends, and kept in memory. One that
 * was dropped is made again while its uploads last, and then drawn like any other.
 */
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Picture } from './blend-task.js';
import { Blender } from './blender.js';
import { draw } from './drawing.js';
import type { SandboxJob } from './job.js';
import type { Ledger } from './ledger.js';
import { SAMPLE_VIDEO } from './sample-video.js';
import { sceneAt, seedOf } from './scene.js';
import { Stopped } from './timers.js';
import type { Uploads } from './uploads.js';

interface ResultsOptions {
  readonly ledger: Ledger;
  readonly uploads: Uploads;
  readonly logger: Logger;
}

/** Some five of the largest, and many more of the usual ones. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
/** Pictures that wait to be made; further ones are drawn. */
const MAX_WAITING = 100;

export class Results {
  readonly #options: ResultsOptions;
  readonly #kept = new LRUCache<string, Buffer>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: ({ length }) => length,
  });
  readonly #making = new Map<string, Promise<Buffer | null>>();
  /** One at a time, because each needs tens of megabytes, and more elsewhere. */
  readonly #turn = pLimit(1);
  readonly #blender = new Blender();
  #stop = new AbortController();

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  async contentOf(job: SandboxJob): Promise<Buffer> {
    if (job.media === 'video') return SAMPLE_VIDEO;
    return (
      (await this.#blended(job)) ??
      draw(sceneAt(job.targetUrl), sceneAt(job.sourceUrl).seed, { stamp: seedOf(job.id) })
    );
  }

  /** Makes what will not be possible later. Returns undefined if there is nothing to wait for. Never rejects. */
  prepare(job: SandboxJob): Promise<unknown> | undefined {
    if (job.media === 'video' || job.outcome === 4 || job.oddAddress !== null) return undefined;
    return this.#blended(job);
  }

  forget(ids: readonly string[]): void {
    for (const id of ids) this.#kept.delete(id);
  }

  clear(): void {
    this.#kept.clear();
  }

  start(): void {
    this.#stop = new AbortController();
  }

  /** Waits until nothing is being made. */
  async stop(): Promise<void> {
    this.#stop.abort(new Stopped());
    await Promise.all(this.#making.values());
    this.#blender.stop();
  }

  /** Returns undefined, or a promise of null, if it has to be drawn. */
  #blended(job: SandboxJob): Promise<Buffer | null> | undefined {
    const { ledger, uploads, logger } = this.#options;
    if (!uploads.has(job.sourceUrl) && !uploads.has(job.targetUrl)) return undefined;
    const kept = this.#kept.get(job.id);
    if (kept !== undefined) return Promise.resolve(kept);
    const started = this.#making.get(job.id);
    if (started !== undefined || this.#making.size >= MAX_WAITING) return started;
    const { signal } = this.#stop;
    const making = this.#turn(async () => {
      signal.throwIfAborted();
      const source = await this.#pictureAt(job.sourceUrl, signal);
      const target = await this.#pictureAt(job.targetUrl, signal);
      return this.#blender.blend({ source, target }, signal);
    })
      .then((result) => {
        if (ledger.holds(job)) this.#kept.set(job.id, result);
        return result;
      })
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        logger.info({ job: job.id, reason }, 'a result is drawn, because an upload cannot be shown');
        return null;
      })
      .finally(() => this.#making.delete(job.id));
    this.#making.set(job.id, making);
    return making;
  }

  /** Everything but an upload is drawn, as it would be served. */
  async #pictureAt(url: string, signal: AbortSignal): Promise<Picture> {
    if (this.#options.uploads.has(url)) {
      return { bytes: await this.#options.uploads.fetch(url, signal), face: undefined };
    }
    const scene = sceneAt(url);
    return { bytes: draw(scene), face: scene.faces[0]?.region };
  }
}

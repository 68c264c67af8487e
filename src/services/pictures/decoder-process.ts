/**
 * Decoding in a process of its own. A picture may need hundreds of megabytes, which the allocator would keep, and
 * hostile ones look for faults in the decoders: neither must touch the gateway. It has none of the gateway's
 * environment, starts with the first picture, and ends when there has been none for a while.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { builtFile } from '../../built-file.js';
import type { DecoderAnswer, DecoderTask, Drawn } from './decoder-task.js';
import { PictureFault } from './picture-fault.js';
import { Turn } from './turn.js';

const PROGRAM = 'services/pictures/decoder-program.js';
const IDLE_MS = 10_000;
/** Far longer than any picture takes whose pixels and scans are few enough: so long only something hangs. */
const LONGEST_MS = 120_000;
/** One thread decodes; glibc would keep memory for each, and more the larger the pictures are. */
const ENVIRONMENT = {
  UV_THREADPOOL_SIZE: '1',
  VIPS_WARNING: '0',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
};

class DecoderProcess {
  readonly #turn = new Turn();
  #child: ChildProcess | null = null;
  #idle: NodeJS.Timeout | undefined;

  /**
   * Waits for its turn, because one picture is decoded at a time, and then does it. If `signal` is aborted, it stops
   * and rejects with the signal's reason.
   *
   * @throws PictureFault `MEDIA_BROKEN` if the picture cannot be decoded; other errors are the system's
   */
  perform(task: DecoderTask, signal: AbortSignal): Promise<Drawn> {
    return this.#turn.take(signal, async () => {
      clearTimeout(this.#idle);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
      const kill = (): void => void this.#child?.kill('SIGKILL');
      limit.addEventListener('abort', kill);
      try {
        return drawnIn(await this.#answer(task, limit));
      } catch (error) {
        signal.throwIfAborted();
        throw limit.aborted ? undecodable(limit.reason) : error;
      } finally {
        limit.removeEventListener('abort', kill);
        this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
      }
    });
  }

  async #answer(task: DecoderTask, limit: AbortSignal): Promise<DecoderAnswer> {
    const used = this.#child;
    try {
      return await answerOf(used ?? (await this.#start()), task);
    } catch (error) {
      if (!(error instanceof DecoderEnded) || limit.aborted) throw error;
      // A new one is ended by the picture. One that was idle may have been ended by the system, to get its memory.
      if (used === null) throw undecodable(error);
      return this.#answer(task, limit);
    }
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(builtFile(PROGRAM), {
      env: ENVIRONMENT,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('error', () => {});
    child.once('exit', () => {
      if (this.#child === child) this.#child = null;
    });
    this.#child = child;
    // The first message says that the decoders are loaded. If they can't be, that is no fault of the picture.
    await nextMessage(child).catch((error: unknown) => {
      throw new Error('The decoder does not start', { cause: error });
    });
    return child;
  }

  #end(): void {
    if (this.#child?.connected) this.#child.disconnect();
    this.#child = null;
  }
}

/** One for all pictures of this process. */
export const decoder = new DecoderProcess();

async function answerOf(child: ChildProcess, task: DecoderTask): Promise<DecoderAnswer> {
  child.ref();
  child.channel?.ref();
  try {
    const answer = nextMessage(child);
    child.send(task, () => {});
    return (await answer) as DecoderAnswer;
  } finally {
    // It must not keep the gateway from ending.
    child.unref();
    child.channel?.unref();
  }
}

/** The process ended before it answered. */
class DecoderEnded extends Error {}

/** @throws DecoderEnded */
async function nextMessage(child: ChildProcess): Promise<unknown> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]: unknown[]) => message),
      once(child, 'exit', { signal }).then(([code, killer]) => {
        throw new DecoderEnded(`The decoder ended with ${code ?? killer}`);
      }),
    ]);
  } finally {
    settled.abort();
  }
}

function drawnIn(answer: DecoderAnswer): Drawn {
  switch (answer.outcome) {
    case 'done':
      return answer.drawn;
    case 'broken':
      throw undecodable(new Error(answer.reason));
    case 'failed':
      throw Object.assign(new Error(answer.reason), { code: answer.code });
  }
}

function undecodable(cause: unknown): PictureFault {
  const message = 'The picture is damaged: it cannot be decoded. Save it again, or send another one.';
  return new PictureFault('MEDIA_BROKEN', message, { cause });
}

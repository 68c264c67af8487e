/**
 * Blends pictures in a process of its own, whose memory is given back when it ends: the decoders need up to hundreds of
 * megabytes, of which the allocator keeps much. The process starts with the first picture, and ends when there has been
 * none for a while.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { builtFile } from '../built-file.js';
import type { BlendAnswer, BlendTask } from './blend-task.js';

const IDLE_MS = 10_000;
const TIMEOUT_MS = 30_000;
/** One thread decodes, and glibc gives memory back early. */
const ENVIRONMENT = {
  UV_THREADPOOL_SIZE: '1',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
};

export class Blender {
  #child: ChildProcess | null = null;
  #idle: NodeJS.Timeout | undefined;

  /** One at a time. @throws Error if a picture can't be decoded, or takes too long */
  async blend(task: BlendTask, signal: AbortSignal): Promise<Buffer> {
    clearTimeout(this.#idle);
    this.#child ??= this.#start();
    let answer: BlendAnswer;
    try {
      answer = await answerOf(this.#child, task, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#idle = setTimeout(() => this.stop(), IDLE_MS).unref();
    if ('reason' in answer) throw new Error(answer.reason);
    return Buffer.from(answer.picture);
  }

  /** Ends the process. The next picture starts another. */
  stop(): void {
    clearTimeout(this.#idle);
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }

  #start(): ChildProcess {
    const child = fork(builtFile('sandbox/blend-program.js'), {
      env: ENVIRONMENT,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // It must not keep the sandbox's process from ending.
    child.unref();
    child.channel?.unref();
    child.on('error', () => {});
    child.once('disconnect', () => {
      if (this.#child === child) this.#child = null;
    });
    return child;
  }
}

async function answerOf(child: ChildProcess, task: BlendTask, signal: AbortSignal): Promise<BlendAnswer> {
  const settled = new AbortController();
  const either = { signal: AbortSignal.any([signal, settled.signal]) };
  try {
    child.send(task, () => {});
    return await Promise.race([
      once(child, 'message', either).then(([message]: unknown[]) => message as BlendAnswer),
      once(child, 'disconnect', either).then(() => {
        throw new Error('the process that blends pictures ended');
      }),
    ]);
  } finally {
    settled.abort();
  }
}

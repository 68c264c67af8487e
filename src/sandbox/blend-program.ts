/** The process that blends pictures. It answers one message after the other, and ends with the sandbox. */
import { blend } from './blend.js';
import type { BlendAnswer, BlendTask } from './blend-task.js';

process.on('message', (task: BlendTask) => {
  void answerTo(task).then((answer) => process.send?.(answer));
});

async function answerTo(task: BlendTask): Promise<BlendAnswer> {
  try {
    return { picture: await blend(task) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

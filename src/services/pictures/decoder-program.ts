/** The decoder's process. It answers one message after the other, and ends with the gateway. */
import { DecodingError, perform, prepareDecoder } from './decoder.js';
import type { DecoderAnswer, DecoderTask } from './decoder-task.js';

prepareDecoder();
// A terminal sends these to the gateway too, which finishes what it has begun.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit());
process.on('message', (task: DecoderTask) => {
  void answerTo(task).then((answer) => process.send?.(answer));
});
process.send?.('ready');

async function answerTo(task: DecoderTask): Promise<DecoderAnswer> {
  try {
    return { outcome: 'done', drawn: await perform(task) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof DecodingError) return { outcome: 'broken', reason };
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    return { outcome: 'failed', reason, code };
  }
}

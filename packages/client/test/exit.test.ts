/** A program that uses the client ends by itself. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { ROOT } from '../../../test/support/gateway-process.js';
import { startGateway } from '../../../test/support/harness.js';
import { ADDRESSES } from './support.js';

const PROGRAM = `
import { WebSocket } from 'ws';
import { createFaceSwap } from './packages/client/src/index.ts';
const faceSwap = createFaceSwap({ url: process.argv[1] + '/graphql', webSocket: WebSocket });
const swap = faceSwap.submit(${JSON.stringify(ADDRESSES)});
for await (const { status } of swap) if (status === 'COMPLETED') console.log(status);
console.log((await swap.result({ archived: true })).archived);`;

it('does not keep a process alive when nothing is followed any more', async () => {
  const gateway = await startGateway();
  try {
    const { outputFiles } = await build({
      stdin: { contents: PROGRAM, resolveDir: ROOT, loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      external: ['ws'],
      write: false,
    });
    const program = outputFiles[0]?.text ?? '';
    const args = ['--input-type=module', '--eval', program, gateway.url];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 30_000 });
    expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['COMPLETED', 'true']));
  } finally {
    await gateway.stop();
  }
});

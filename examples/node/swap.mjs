/**
 * Swaps the face of one file into another, and saves the result:
 *
 *     node swap.mjs face.png scene.png result.png
 *
 * GATEWAY_URL is the address of the gateway, and GATEWAY_API_KEY a key for it, if it wants one.
 */
import { openAsBlob } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { createFaceSwap, JobFailed, RequestRefused } from '@face-swap-gateway/client';
import { WebSocket } from 'ws';

const TYPES = { '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.png': 'image/png', '.webp': 'image/webp' };

const [face, scene, saveAs] = process.argv.slice(2);
if (saveAs === undefined) {
  console.error('node swap.mjs FACE SCENE RESULT');
  process.exit(2);
}
/** npm changes the folder, and says where it was called. */
const pathOf = (file) => resolve(process.env.INIT_CWD ?? '.', file);
const pictureIn = async (file) => {
  try {
    return await openAsBlob(pathOf(file), { type: TYPES[extname(file).toLowerCase()] ?? '' });
  } catch {
    console.error(`${file} can't be read`);
    process.exit(1);
  }
};

const faceSwap = createFaceSwap({
  url: new URL('/graphql', process.env.GATEWAY_URL ?? 'http://127.0.0.1:4000'),
  token: process.env.GATEWAY_API_KEY,
  webSocket: WebSocket,
});
try {
  const swap = faceSwap.submit({ source: await pictureIn(face), target: await pictureIn(scene) });
  for await (const { status, queuePosition } of swap) console.log(status, queuePosition ?? '');
  const { url } = await swap.result();
  const answer = await fetch(url);
  await writeFile(pathOf(saveAs), Buffer.from(await answer.arrayBuffer()));
  console.log(`saved as ${saveAs}`);
} catch (error) {
  if (error instanceof JobFailed) console.error(error.userMessage);
  else if (error instanceof RequestRefused) console.error(error.fieldErrors[0]?.message ?? error.message);
  else throw error;
  process.exitCode = 1;
} finally {
  faceSwap.close();
}

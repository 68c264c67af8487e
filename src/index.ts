/** The entry: an old Node can't even load the rest, so its version is checked first. */
import { faultOfNode } from '../scripts/node-version.mjs';

const fault = faultOfNode(process.versions.node);
if (fault === null) {
  const { main } = await import('./main.js');
  await main();
} else {
  console.error(fault);
  process.exitCode = 1;
}

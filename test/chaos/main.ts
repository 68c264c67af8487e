/** The command line of the chaos run. */
import type { ChaosOptions } from './options.js';
import { printable } from './report.js';
import { runChaos } from './run.js';
import { verdictOf } from './verdict.js';

/** Returns the exit code: 0 if everything held, 1 if something did not. */
export async function main(options: ChaosOptions): Promise<number> {
  const { jobs, kills, tenants, instances, store, seed } = options;
  const gateways = instances === 1 ? '1 gateway' : `${instances} gateways`;
  console.log(`${jobs} jobs of ${tenants} tenants, ${gateways} on ${store}, ${kills} kills, seed ${seed}`);
  // Exit handlers stop the gateways; an unhandled signal would leave them running.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const report = await runChaos(options, (line) => console.error(line));
  console.log(printable(report));
  console.log(`\n${verdictOf(report.rows, kills)}`);
  if (report.violations.length === 0) return 0;
  console.error(`Seed ${seed}. Again: npm run chaos -- ${againWith(options)}`);
  if (report.folder !== null) console.error(`What the gateways left is kept in ${report.folder}`);
  return 1;
}

function againWith(options: ChaosOptions): string {
  const { jobs, kills, tenants, instances, store, seed, reconciler } = options;
  const { deadlineMs, silenceMs, limitMs } = options;
  const size = `--jobs ${jobs} --kills ${kills} --tenants ${tenants} --instances ${instances} --store ${store} --seed ${seed}`;
  const times = `--deadline-seconds ${deadlineMs / 1000} --silence-seconds ${silenceMs / 1000} --limit-seconds ${limitMs / 1000}`;
  return `${size} ${times}${reconciler ? '' : ' --without-reconciler'}`;
}

/** The control: a gateway that is not attacked. */
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';
import { VICTIM_SETTINGS } from './trial.js';
import { Victim } from './victim.js';

/** @param folder for its database and its log */
export async function startControl(program: string, folder: string): Promise<Victim> {
  return Victim.start({
    program,
    folder,
    port: await freePort(),
    // Its own sandbox, on any free port.
    env: { ...VICTIM_SETTINGS, DATABASE_URL: `sqlite:${join(folder, 'gateway.db')}`, SANDBOX_PORT: '0' },
  });
}

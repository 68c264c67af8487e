/** The separate threads: attacker and bystander. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Size } from './attack.js';
import { ATTACKS } from './attacks.js';
import { Bystander, type BystanderOptions } from './bystander.js';
import { type Companion, Target } from './target.js';

export type Role =
  | ({ readonly kind: 'bystander' } & BystanderOptions)
  | {
      readonly kind: 'attacker';
      readonly attack: string;
      readonly step: 'prepare' | 'run';
      readonly url: string;
      readonly size: Size;
      readonly companion: Companion | null;
    };

const port = parentPort as MessagePort;
const role = workerData as Role;
switch (role.kind) {
  case 'bystander': {
    const bystander = new Bystander(role);
    await bystander.warmUp();
    bystander.start();
    port.postMessage('warm');
    port.once('message', async () => port.postMessage(await bystander.stop()));
    break;
  }
  case 'attacker': {
    const attack = ATTACKS.find(({ name }) => name === role.attack);
    const target = new Target(role.url, role.size, role.companion);
    const leaks = role.step === 'run' ? await attack?.run(target) : await attack?.prepare?.(target);
    await target.close();
    port.postMessage(leaks ?? []);
    break;
  }
}

/** What the customers will submit, how often, and when. */
import { Dice } from './dice.js';
import type { ChaosOptions } from './options.js';

export interface Tenant {
  readonly name: string;
  readonly apiKey: string;
}

export interface FilePlan {
  /** Number of times it is sent at the same moment. */
  readonly atOnce: number;
  /** Whether it is deleted as soon as the job is accepted, which must be refused while the job needs it. */
  readonly isDeleted: boolean;
}

export interface Order {
  readonly tenant: Tenant;
  /** The idempotency key; also part of the picture URLs, so that a bill can be matched to its order. */
  readonly key: string;
  readonly mutation: 'submitFaceSwap' | 'submitFaceSwapPlus';
  readonly input: Readonly<Record<string, unknown>>;
  /** How the source is uploaded first; null if it lies elsewhere. */
  readonly file: FilePlan | null;
  /** Submitted between this kill and the next. */
  readonly afterKills: number;
  readonly delayMs: number;
  /** Number of identical submits sent at the same moment. */
  readonly atOnce: number;
  /** Delay before the answered submit is repeated; null if it is not. */
  readonly againAfterMs: number | null;
  readonly cancel: boolean;
  /** Delay between the answer and the start of each follower. */
  readonly followAfterMs: readonly number[];
}

export function tenantsOf({ tenants }: ChaosOptions): readonly [Tenant, ...Tenant[]] {
  const tenant = (n: number): Tenant => ({
    name: `tenant-${n}`,
    apiKey: `chaos-key-of-tenant-${n}-0123456789`,
  });
  return [tenant(1), ...Array.from({ length: tenants - 1 }, (_, i) => tenant(i + 2))];
}

/** A fifth comes at once, to build a queue; the others are spread over the time between the kills. */
export function planOrders(options: ChaosOptions): readonly Order[] {
  const dice = new Dice(options.seed, 'orders');
  const tenants = tenantsOf(options);
  return Array.from({ length: options.jobs }, (_, n): Order => {
    const tenant = dice.pick(tenants);
    const key = `${tenant.name}.${options.seed}.${n}`;
    const isEarly = n < options.jobs / 5;
    return {
      tenant,
      key,
      ...request(dice, key),
      afterKills: isEarly ? 0 : Math.floor((n * options.kills) / options.jobs),
      delayMs: dice.between(0, isEarly ? 300 : 1500),
      atOnce: dice.chance(0.2) ? 2 + Math.floor(dice.roll() * 3) : 1,
      againAfterMs: dice.chance(0.25) ? dice.between(0, 4000) : null,
      cancel: dice.chance(0.05),
      followAfterMs: dice.chance(0.25) ? [0, dice.between(500, 6000)] : [0],
    };
  });
}

/** The order whose source lies at this address. */
export function withSource(order: Order, url: string): Order {
  // The key lies in the query, which addresses of uploads may have.
  const path = `${url}?/chaos/${order.key}/source.png`;
  return { ...order, input: { ...order.input, sourceImage: [{ path }] } };
}

function request(dice: Dice, idempotencyKey: string): Pick<Order, 'mutation' | 'input' | 'file'> {
  const picture = (name: string) => `https://pictures.example/chaos/${idempotencyKey}/${name}`;
  if (dice.chance(0.2)) {
    const input = {
      sourceUrl: picture('source.png'),
      targetUrl: picture(dice.chance(0.3) ? 'target.mp4' : 'target.png'),
      singleFaceMode: true,
      idempotencyKey,
    };
    return { mutation: 'submitFaceSwapPlus', input, file: null };
  }
  const input = {
    sourceImage: [{ path: picture('source.png') }],
    targetImage: [{ path: picture('target.png') }],
    // Runs face detection first, which adds another point at which to be killed.
    detectOpts: dice.chance(0.15),
    idempotencyKey,
  };
  const file = dice.chance(0.4) ? { atOnce: dice.chance(0.3) ? 2 : 1, isDeleted: dice.chance(0.3) } : null;
  return { mutation: 'submitFaceSwap', input, file };
}

/** The key of the order that a submit at the sandbox belongs to. */
export function keyIn(request: Readonly<Record<string, unknown>>): string | null {
  return /\/chaos\/([^/"]+)\//.exec(JSON.stringify(request))?.[1] ?? null;
}

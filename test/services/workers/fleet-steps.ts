/** The steps of which random stories about a fleet are made. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import { isFinal, type Job } from '../../../src/services/jobs/job.js';
import { HOUR, refusal, request } from '../../support/samples.js';
import { acceptedAs } from '../../support/workshop.js';
import { type Fleet, SLOTS, type Status } from './fleet.js';
import { TENANTS, type Witness } from './witness.js';

const MINUTE = 60_000;

type Act = (fleet: Fleet, witness: Witness) => Promise<unknown>;

/** One step, after which all invariants are checked. */
class Step implements fc.AsyncCommand<Witness, Fleet> {
  readonly #text: string;
  readonly #act: Act;

  constructor(text: string, act: Act) {
    this.#text = text;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(witness: Witness, fleet: Fleet): Promise<void> {
    await this.#act(fleet, witness);
    await fleet.settled();
    await witness.look(fleet);
  }

  toString(): string {
    return this.#text;
  }
}

function step<Args extends readonly unknown[]>(
  name: string,
  args: fc.Arbitrary<Args>,
  act: (fleet: Fleet, witness: Witness, ...args: Args) => Promise<unknown>,
): fc.Arbitrary<Step> {
  return args.map(
    (given) => new Step(`${name}(${given.join(', ')})`, (fleet, witness) => act(fleet, witness, ...given)),
  );
}

/** A step with one of the items that exist at that moment, if there are any. */
function stepWith<Item, Args extends readonly unknown[]>(
  name: string,
  among: (fleet: Fleet, witness: Witness) => readonly Item[],
  args: fc.Arbitrary<Args>,
  act: (fleet: Fleet, witness: Witness, item: Item, ...args: Args) => Promise<unknown>,
): fc.Arbitrary<Step> {
  return step(name, fc.tuple(fc.nat({ max: 20 }), args), async (fleet, witness, nth, given) => {
    const items = among(fleet, witness);
    const item = items[nth % items.length];
    if (item !== undefined) await act(fleet, witness, item, ...given);
  });
}

const gateway = fc.nat({ max: 1 });
const isBoth = fc.boolean();
const status = fc.constantFrom<Status[]>(1, 2, 3, 4);
const jobs = (_: Fleet, witness: Witness) => witness.jobs;
/** Jobs that Akool has, or may have. */
const jobsAtAkool = ({ maybeBilled }: Fleet, witness: Witness) =>
  witness.jobs.flatMap((job) => {
    const providerId = maybeBilled.get(job.id);
    return providerId === undefined ? [] : [{ job, providerId }];
  });

/** One gateway, or both at once. */
function by(nth: number, both: boolean): readonly number[] {
  return both ? [nth, 1 - nth] : [nth];
}

function codeOf(error: unknown): string {
  if (error instanceof GatewayError) return error.code;
  throw error;
}

const lacking = {
  ...request,
  detectOpts: true,
  sourceImage: request.sourceImage.map(({ path }) => ({ path, opts: null })),
};

const submit = step(
  'submit',
  fc.tuple(gateway, isBoth, fc.constantFrom(...TENANTS), fc.option(fc.constantFrom('k', 'l')), fc.boolean()),
  async (fleet, witness, nth, both, tenant, key, isLacking) => {
    const asked = isLacking ? lacking : request;
    const outcomes = await Promise.all(
      by(nth, both).map((one) => fleet.gateway(one).jobs.create(tenant, asked, key).catch(codeOf)),
    );
    for (const outcome of outcomes) {
      if (typeof outcome !== 'string') witness.created(outcome.job);
      if (key !== null) witness.keyUsed(`${tenant} ${key}`, asked, outcome);
    }
  },
);

const lease = step('lease', fc.tuple(gateway, isBoth), async (fleet, witness, nth, both) => {
  const { used } = await fleet.store(nth).slots(fleet.clock.now());
  await Promise.all(by(nth, both).map((one) => fleet.gateway(one).dispatcher.pass()));
  await fleet.settled();
  const now = await Promise.all(witness.jobs.map(({ id }) => fleet.store(nth).get(id)));
  const leased = now.filter((job) => job !== null && job.attempts > (witness.job(job.id)?.attempts ?? 0));
  const free = Math.max(0, SLOTS - used);
  expect(leased.length, 'no more are sent than slots are free').toBeLessThanOrEqual(free);
});

const findFaces = stepWith(
  'find faces',
  ({ looks }) => looks,
  fc.tuple(fc.boolean()),
  async (_fleet, _witness, look, isFound) => look.answer(isFound),
);

const answer = stepWith(
  'answer',
  ({ submits }) => submits,
  fc.tuple(fc.constantFrom('accepted', 'accepted', 'refused', 'not-accepted', 'unknown')),
  async (_fleet, _witness, sent, kind) => {
    const reason = 'as it happens';
    if (kind === 'unknown') sent.answer({ kind, reason });
    else if (kind === 'accepted' || sent.isAccepted) sent.answer(acceptedAs(sent.providerId));
    else sent.answer(kind === 'refused' ? { kind, error: refusal } : { kind, reason, retryAfterMs: null });
  },
);

const callback = stepWith(
  'callback',
  jobsAtAkool,
  fc.tuple(gateway, isBoth, status),
  async (fleet, _, { job, providerId }, nth, both, said) => {
    for (const sent of fleet.submits) if (sent.providerId === providerId) sent.isAccepted = true;
    await Promise.all(by(nth, both).map((one) => fleet.callback(job, providerId, said, one)));
  },
);

const say = stepWith('say', jobsAtAkool, fc.tuple(status), async (fleet, _, { providerId }, said) =>
  fleet.said.set(providerId, said),
);

/** Longer than a submit may take, and longer than an unconfirmed one keeps its slot. */
const silence = fc.constantFrom(0, 2 * MINUTE, 2 * MINUTE, 11 * MINUTE);

const poll = step('poll', fc.tuple(gateway, isBoth, silence), async (fleet, witness, nth, both, ms) => {
  fleet.clock.advance(ms);
  const before = fleet.asked.length;
  await Promise.all(by(nth, both).map((one) => fleet.gateway(one).reconciler.pass()));
  await fleet.settled();
  // Jobs past their deadline are polled a last time by every gateway that sees them.
  const isInTime = ({ deadlineAt }: Job) => deadlineAt > fleet.clock.now();
  const inTime = new Set(witness.jobs.filter(isInTime).map(({ providerId }) => providerId));
  const asked = fleet.asked.slice(before).filter((id) => inTime.has(id));
  expect(asked, 'one gateway asks').toEqual([...new Set(asked)]);
  // As it does when it hears of a change.
  await fleet.gateway(nth).dispatcher.pass();
});

const cancel = stepWith(
  'cancel',
  jobs,
  fc.tuple(gateway, fc.boolean()),
  async (fleet, _, job, nth, isLeasing) => {
    const [outcome] = await Promise.all([
      fleet.gateway(nth).jobs.cancel(job.tenant, job.id).catch(codeOf),
      isLeasing && fleet.gateway(1 - nth).dispatcher.pass(),
    ]);
    // Either may be first.
    if (isLeasing && job.status === 'WAITING') return;
    const isCanceled = job.status === 'WAITING' || job.status === 'CANCELED';
    expect(typeof outcome === 'string' ? outcome : outcome.status).toBe(isCanceled ? 'CANCELED' : 'CONFLICT');
  },
);

const remove = stepWith('delete', jobs, fc.tuple(gateway), async (fleet, witness, job, nth) => {
  const outcome = await fleet.gateway(nth).eraser.delete(job.tenant, job.id).catch(codeOf);
  expect(outcome).toBe(isFinal(job.status) ? undefined : 'CONFLICT');
  if (isFinal(job.status)) witness.deleted(job.id);
});

/** Longer than a job may take, and longer than a key is kept. */
const leap = step('leap', fc.tuple(fc.constantFrom(4 * HOUR, 25 * HOUR)), async ({ clock }, _, ms) =>
  clock.advance(ms),
);

const die = step('die', fc.tuple(gateway, fc.boolean()), async (fleet, _, nth, isLeasing) => {
  // The jobs that it leases are stored as leased, but it dies before it learns of it.
  if (isLeasing) void fleet.gateway(nth).dispatcher.pass();
  fleet.replace(nth);
});

/** Relative frequencies. */
const STEPS: readonly (readonly [number, fc.Arbitrary<fc.AsyncCommand<Witness, Fleet>>])[] = [
  [4, submit],
  [4, lease],
  [3, findFaces],
  [4, answer],
  [3, callback],
  [1, say],
  [5, poll],
  [1, cancel],
  [2, remove],
  [1, leap],
  [1, die],
];

/** Stories of up to this many steps. */
export function stories(maxCommands: number): fc.Arbitrary<Iterable<fc.AsyncCommand<Witness, Fleet>>> {
  const steps = STEPS.flatMap(([times, one]) => Array.from({ length: times }, () => one));
  return fc.commands(steps, { maxCommands, size: 'max' });
}

/** The targets: each a ratio of two figures of one run, or an absolute limit. */
import { atSockets, atStored, SOCKETS, STORED } from './measures/growth.js';
import { SLOW_COMMIT_MS } from './measures/writes.js';
import type { Results, Subject } from './results.js';
import { type Figure, ratioOf, ratioOfMedians } from './rounds.js';

export interface Verdict {
  readonly target: string;
  readonly limit: number;
  readonly isAtLeast: boolean;
  readonly figure: Figure;
  readonly reached: boolean;
}

type Source = readonly [what: string, of: Subject];

interface Target {
  readonly target: string;
  readonly of: Source;
  /** If absent, the limit applies to the figure itself. */
  readonly to?: Source;
  readonly limit: number;
  /** The limit is a minimum instead of a maximum. */
  readonly isAtLeast?: true;
  /** Measured one after the other, not interleaved: their rounds are unrelated, so medians are compared. */
  readonly areApart?: true;
}

const [fewSockets, , manySockets] = SOCKETS;
const [fewJobs, , manyJobs] = STORED;

const TARGETS: readonly Target[] = [
  against('`job`: CPU to Mercurius', 'job', 'mercurius', 1.35),
  against('`job`: CPU to Apollo on Express', 'job', 'apollo-express', 0.45),
  against('`jobs`, a page of 50: CPU to Apollo on Express', 'jobs', 'apollo-express', 1),
  against('update to a socket: CPU to bare `ws`', 'update', 'floor', 2.5),
  against('update to a socket: CPU to Mercurius', 'update', 'mercurius', 1),
  against('held socket: resident memory to bare `ws`', 'socket', 'floor', 2),
  against('held socket: live objects to bare `ws`', 'socket.live', 'floor', 2),
  growth('update to a socket: CPU', 'update', atSockets(fewSockets), atSockets(manySockets), 1.2, true),
  growth('held socket: resident memory', 'socket', atSockets(fewSockets), atSockets(manySockets), 1.2),
  growth('held socket: live objects', 'socket.live', atSockets(fewSockets), atSockets(manySockets), 1.2),
  {
    target: 'webhooks, 64 at once: rate to one commit each',
    of: ['webhook.rate', 'gateway'],
    to: ['webhook.rate', 'driver'],
    limit: 4,
    isAtLeast: true,
  },
  {
    target: `webhooks, 64 at once: rate to one commit each, where commits take ${SLOW_COMMIT_MS} ms longer`,
    of: ['webhook.rate.slow', 'gateway'],
    to: ['webhook.rate.slow', 'floor'],
    limit: 4,
    isAtLeast: true,
  },
  against('submit: CPU to a bare call and an insert', 'submit', 'floor', 2.5),
  growth('`job`: CPU', 'job', atStored(fewJobs), atStored(manyJobs), 1.3),
  growth('`jobs`, a page of 50: CPU', 'jobs', atStored(fewJobs), atStored(manyJobs), 1.3),
  { target: 'start to ready, ms', of: ['start', 'gateway'], limit: 1000 },
  { target: 'memory at rest, MB', of: ['rest', 'gateway'], limit: 120 },
];

function against(target: string, what: string, other: Subject, limit: number): Target {
  return { target, of: [what, 'gateway'], to: [what, other], limit };
}

function growth(
  target: string,
  what: string,
  few: string,
  many: string,
  limit: number,
  areApart = false,
): Target {
  return {
    ...(areApart && { areApart }),
    target: `${target},${many} to${few}`,
    of: [what + many, 'gateway'],
    to: [what + few, 'gateway'],
    limit,
  };
}

/** Only for targets whose figures were measured in this run. */
export function verdicts(results: Results): readonly Verdict[] {
  return TARGETS.flatMap(({ target, of, to, limit, isAtLeast = false, areApart = false }) => {
    const above = results.find(...of);
    const below = to === undefined ? undefined : results.find(...to);
    if (above === null || below === null) return [];
    const figure =
      below === undefined ? above : areApart ? ratioOfMedians(above, below) : ratioOf(above, below);
    const reached = isAtLeast ? figure.median >= limit : figure.median <= limit;
    return [{ target, limit, isAtLeast, figure, reached }];
  });
}

/** The life of a job as a line that moves: what happened, when, and who told. */
import type { Job, JobStatus, JobUpdate } from '@face-swap-gateway/client';
import { clockTime } from './clock-time.js';
import { SOURCE_TEXTS, TEXTS } from './texts.js';

interface Stage {
  readonly name: string;
  /** What began it; null if it has not, or was passed over. */
  readonly update: JobUpdate | null;
  readonly state: 'done' | 'now' | 'open' | 'failed';
}

/** @param job null while there is none */
export function LifeLine({ job }: { readonly job: Job | null }) {
  return (
    <ol className="life" aria-label={TEXTS.swap.life}>
      {stagesOf(job).map(({ name, update, state }) => (
        <li key={name} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
          <strong>{name}</strong>
          <span className="hidden">{TEXTS.stageStates[state]}</span>
          {update !== null && (
            <>
              <time className="quiet" dateTime={update.at}>
                {clockTime(update.at)}
              </time>
              <span className="quiet">{SOURCE_TEXTS[update.source]}</span>
            </>
          )}
        </li>
      ))}
    </ol>
  );
}

function stagesOf(job: Job | null): readonly Stage[] {
  const { stages } = TEXTS;
  const { history = [], status, finishedAt = null } = job ?? {};
  const last = (wanted: JobStatus): JobUpdate | null =>
    history.filter((update) => update.status === wanted).at(-1) ?? null;
  const isOver = finishedAt !== null;
  const began = [
    history[0] ?? null,
    last('QUEUED') ?? last('UNCONFIRMED') ?? last('SUBMITTING'),
    last('PROCESSING'),
    // A copy that is kept later is a change too.
    isOver ? (history.find((update) => update.status === status) ?? null) : null,
  ];
  // A job that waits again has not been sent.
  const reached = status === 'WAITING' ? 0 : began.findLastIndex((update, place) => update && place < 3);
  const stateOf = (place: number): Stage['state'] => {
    if (place === 3 && isOver) return status === 'COMPLETED' ? 'done' : 'failed';
    if (status === 'COMPLETED' || place < reached) return 'done';
    if (place > reached) return 'open';
    return isOver ? 'done' : 'now';
  };
  const end = status === 'CANCELED' ? stages.canceled : status === 'FAILED' ? stages.failed : stages.done;
  return [stages.accepted, stages.sent, stages.working, end].map((name, place) => {
    const state = stateOf(place);
    return { name, state, update: state === 'open' ? null : (began[place] ?? null) };
  });
}

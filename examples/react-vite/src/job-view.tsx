import { BeforeAfter, useJob } from '@face-swap-gateway/client/react';
import { useState } from 'react';
import { messageOf } from './message-of.js';
import { statusText } from './status-text.js';

interface JobViewProps {
  readonly id: string;
  readonly onClose: () => void;
}

/** One job, live: its place in the queue, and then both pictures. */
export function JobView({ id, onClose }: JobViewProps) {
  const { job, error, cancel, delete: remove } = useJob(id);
  const [refusal, setRefusal] = useState<unknown>(null);
  const attempt = (action: () => Promise<unknown>, then = () => {}): void => {
    setRefusal(null);
    action().then(then, setRefusal);
  };
  const failure = refusal ?? error;

  return (
    <section aria-label="Your swap">
      {job && <p role="status">{statusText(job)}</p>}
      {job?.error && <p role="alert">{job.error.userMessage}</p>}
      {failure != null && <p role="alert">{messageOf(failure)}</p>}
      {job?.result && job.__typename === 'FaceSwapJob' && job.targetImage[0] && (
        <BeforeAfter before={job.targetImage[0].path} after={job.result.url} className="comparison" />
      )}
      <p>
        {job?.status === 'WAITING' && (
          <button type="button" onClick={() => attempt(cancel)}>
            Cancel
          </button>
        )}
        {job?.finishedAt && (
          <button type="button" onClick={() => attempt(remove, onClose)}>
            Delete
          </button>
        )}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </p>
    </section>
  );
}

import { useJobs } from '@face-swap-gateway/client/react';
import { messageOf } from './message-of.js';
import { statusText } from './status-text.js';

/** All jobs, newest first; stays live, in other tabs too. */
export function JobList({ onChoose }: { readonly onChoose: (id: string) => void }) {
  const { jobs, loading, hasMore, error, loadMore } = useJobs({ pageSize: 12 });
  return (
    <section aria-label="Your swaps">
      <h2>Your swaps</h2>
      {error != null && <p role="alert">{messageOf(error)}</p>}
      {!loading && jobs.length === 0 && <p>None yet.</p>}
      <ol>
        {jobs.map((job) => (
          <li key={job.id}>
            <button type="button" onClick={() => onChoose(job.id)}>
              {job.result ? (
                <img className="thumbnail" src={job.result.url} alt="" />
              ) : (
                <span className="thumbnail" />
              )}
              <span>{statusText(job)}</span>
              <time dateTime={job.createdAt}>{new Date(job.createdAt).toLocaleTimeString()}</time>
            </button>
          </li>
        ))}
      </ol>
      {hasMore && (
        <button type="button" disabled={loading} onClick={() => void loadMore()}>
          More
        </button>
      )}
    </section>
  );
}

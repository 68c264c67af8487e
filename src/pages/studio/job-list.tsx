/** All swaps, newest first. It stays live: new ones, moves, ends and deletions, of other tabs too. */
import type { Job } from '@face-swap-gateway/client';
import { useJobs } from '@face-swap-gateway/client/react';
import { useEffect, useRef } from 'react';
import { clockTime } from './clock-time.js';
import { codeOf, errorText } from './error-text.js';
import { isVideoResult } from './media-kind.js';
import { STATUS_TEXTS, TEXTS } from './texts.js';
import { useMissing } from './use-missing.js';

interface JobListProps {
  readonly selected: string | null;
  readonly onSelect: (id: string) => void;
  readonly onExpired: () => void;
}

const PAGE_SIZE = 24;

export function JobList({ selected, onSelect, onExpired }: JobListProps) {
  const { list } = TEXTS;
  const { jobs, loading, hasMore, error, loadMore } = useJobs({ pageSize: PAGE_SIZE });
  const isExpired = codeOf(error) === 'UNAUTHENTICATED';
  useEffect(() => {
    if (isExpired) onExpired();
  }, [isExpired, onExpired]);

  const hasFailed = error != null;
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // After an error the button is there: asking again by itself would never end.
    if (end.current === null || !hasMore || loading || hasFailed) return undefined;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting === true) void loadMore();
      },
      { rootMargin: '400px' },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasMore, loading, hasFailed, loadMore]);

  return (
    <section className="list" aria-label={list.title}>
      <h2>{list.title}</h2>
      {error != null && !isExpired && (
        <p role="alert" className="alert">
          {errorText(error)}
        </p>
      )}
      {jobs.length === 0 && !hasFailed && <p className="quiet">{loading ? list.loading : list.empty}</p>}
      <ul>
        {jobs.map((job) => (
          <li key={job.id}>
            <Card job={job} isSelected={job.id === selected} onSelect={onSelect} />
          </li>
        ))}
      </ul>
      <div ref={end}>
        {hasMore && (
          <button type="button" onClick={() => void loadMore()}>
            {loading ? list.loading : list.more}
          </button>
        )}
      </div>
    </section>
  );
}

interface CardProps {
  readonly job: Job;
  readonly isSelected: boolean;
  readonly onSelect: (id: string) => void;
}

function Card({ job, isSelected, onSelect }: CardProps) {
  const { id, status, queuePosition, createdAt, result } = job;
  const text = queuePosition === null ? STATUS_TEXTS[status] : TEXTS.list.position(queuePosition);
  const missing = useMissing();
  const thumbnail = result && (result.thumbnailUrl ?? (isVideoResult(result) ? null : result.url));
  return (
    <button
      type="button"
      className="card"
      data-status={status}
      aria-current={isSelected ? 'true' : undefined}
      onClick={() => onSelect(id)}
    >
      {thumbnail === null || missing.has(thumbnail) ? (
        <span className="thumbnail" aria-hidden="true" />
      ) : (
        <img
          className="thumbnail"
          src={thumbnail}
          alt=""
          loading="lazy"
          onError={() => missing.add(thumbnail)}
        />
      )}
      <span className="card-status">{text}</span>
      <time className="quiet" dateTime={createdAt}>
        {clockTime(createdAt)}
      </time>
    </button>
  );
}

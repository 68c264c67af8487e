import { Button, useGraphiQL } from '@graphiql/react';
import { useMemo } from 'react';
import { useFollowJob } from './follow-job.js';
import { isVideo, resultUrls } from './job-answer.js';
import type { RecentSubmits } from './recent-submits.js';
import type { SubmittedJob } from './submitted-jobs.js';

/** The panel below the answer: a button for each job in it that was just submitted, and the results of finished ones. */
export function JobPanel({ submits }: { submits: RecentSubmits }) {
  const answer = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.response);
  const urls = useMemo(() => resultUrls(answer), [answer]);
  const jobs = submits.in(answer);
  if (jobs.length === 0 && urls.length === 0) return null;
  return (
    <div className="job-panel">
      {jobs.map((job) => (
        <FollowButton key={job.key} job={job} isOnly={jobs.length === 1} />
      ))}
      {urls.map((url) =>
        isVideo(url) ? (
          <video key={url} className="job-panel-picture" src={url} controls muted playsInline>
            <track kind="captions" />
          </video>
        ) : (
          <a key={url} className="job-panel-picture" href={url} target="_blank" rel="noreferrer">
            <img src={url} alt="Result of the face swap" />
          </a>
        ),
      )}
    </div>
  );
}

function FollowButton({ job: { key, id }, isOnly }: { job: SubmittedJob; isOnly: boolean }) {
  const follow = useFollowJob();
  if (id === undefined) {
    return (
      <span>
        To follow {isOnly ? 'this job' : key}, select <code>job {'{ id }'}</code>.
      </span>
    );
  }
  return (
    <Button onClick={() => follow(id, isOnly ? 'Follow' : `Follow_${key}`)}>
      Follow {isOnly ? 'this job' : key}
    </Button>
  );
}

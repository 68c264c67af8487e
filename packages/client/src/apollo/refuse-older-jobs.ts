/**
 * A link that keeps late answers from overwriting newer news of a job.
 *
 *     link: ApolloLink.from([refuseOlderJobs(), …])
 *
 * Answers to queries and mutations come by HTTP and news of jobs by a socket, so an answer may arrive after a state
 * that is newer than the one it holds, and Apollo's cache would show the older one until the next change. Jobs are
 * compared by `version`: select `id` and `version` wherever you select a job.
 */
import { ApolloLink } from '@apollo/client';
import { concatMap, type Observable, of } from 'rxjs';
import { jobsIn } from './jobs-in.js';
import { SeenVersions } from './seen-versions.js';
import { withCachedJobs } from './with-cached-jobs.js';

/** How often a query is sent again because a job in its answer was late; a busy list could always have one. */
const MAX_LATE_ANSWERS = 3;

/**
 * Compares the jobs in each answer with those seen before. A query with an older one, or with one that
 * `jobsChanged` has told to be deleted, is sent again, at most 3 times. After that, and in events and in answers to
 * mutations, what the cache knows of a newer version replaces the older fields.
 *
 * It must be the first link, because it sees only what passes it.
 */
export function refuseOlderJobs(): ApolloLink {
  const seen = new SeenVersions();
  return new ApolloLink((operation, forward) => {
    const send = (lateAnswers: number): Observable<ApolloLink.Result> =>
      forward(operation).pipe(
        concatMap((result) => {
          const isLate = jobsIn(result.data).some((job) => seen.isNewerThan(job));
          if (isLate && operation.operationType === 'query' && lateAnswers < MAX_LATE_ANSWERS)
            return send(lateAnswers + 1);
          seen.note(result.data);
          if (!isLate || !result.data) return of(result);
          return of({ ...result, data: withCachedJobs(result.data, operation) });
        }),
      );
    return send(0);
  });
}

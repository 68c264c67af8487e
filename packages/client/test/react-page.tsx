/** A page that uses every hook; tests press its buttons and read what it shows. */
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createFaceSwap, type Job, JobFailed, RequestRefused } from '../src/index.js';
import {
  BeforeAfter,
  FaceSwapProvider,
  useConnection,
  useFaceSwap,
  useJob,
  useJobs,
  useUpload,
} from '../src/react/index.js';

const settings = new URLSearchParams(location.search);
const client = createFaceSwap({ url: settings.get('url') ?? '', scope: 'somebody' });
const ADDRESS = 'https://example.com/face.jpg';

function nameOf(error: unknown): string {
  if (error instanceof RequestRefused)
    return [error.code, ...error.fieldErrors.map(({ code }) => code)].join();
  return error instanceof JobFailed ? `JobFailed ${error.code}` : String(error ?? '');
}

function Followers({ id }: { readonly id: string }) {
  const { job } = useJob(id);
  return <i className="follower">{job?.status}</i>;
}

function Swap() {
  const { submit, job, progress, error, busy, interrupted, cancel, reset } = useFaceSwap({ resume: true });
  const [files, setFiles] = useState<Record<string, File | undefined>>({});
  const [sent, setSent] = useState(0);
  if (progress && progress.loaded > sent) setSent(progress.loaded);
  const choose = (side: string) => (
    <input
      type="file"
      id={side}
      onChange={({ target }) => setFiles((all) => ({ ...all, [side]: target.files?.[0] }))}
    />
  );
  return (
    <section>
      {choose('source')}
      {choose('target')}
      <button
        type="button"
        id="submit"
        onClick={() => submit({ source: files['source'] ?? ADDRESS, target: files['target'] ?? ADDRESS })}
      />
      <button
        type="button"
        id="refused"
        onClick={() => submit({ source: 'ftp://example.com/a', target: ADDRESS })}
      />
      <button type="button" id="cancel" onClick={() => cancel()} />
      <button type="button" id="reset" onClick={reset} />
      <output id="job">{job && `${job.id} ${job.status}`}</output>
      <output id="state">{busy ? 'busy' : nameOf(error)}</output>
      <output id="sent">{sent}</output>
      <output id="interrupted">{interrupted?.key}</output>
      {job && [1, 2, 3].map((key) => <Followers key={key} id={job.id} />)}
      {job?.result && <img id="result" src={job.result.url} alt="" />}
    </section>
  );
}

function List() {
  const { jobs, loading, hasMore, loadMore } = useJobs({ pageSize: 3 });
  const place = ({ queuePosition }: Job) => (queuePosition === null ? '' : ` ${queuePosition}`);
  return (
    <section>
      <ul>
        {jobs.map((job) => (
          <li key={job.id} data-id={job.id}>
            {job.status + place(job)}
          </li>
        ))}
      </ul>
      {!loading && hasMore && <button type="button" id="more" onClick={() => loadMore()} />}
    </section>
  );
}

function OneUpload() {
  const { upload, uploaded, error, busy } = useUpload();
  const start = (file: File | undefined) => file && upload(file).catch(() => {});
  return (
    <section>
      <input type="file" id="upload" onChange={({ target }) => start(target.files?.[0])} />
      <output id="uploaded">{busy ? 'busy' : (uploaded?.url ?? nameOf(error))}</output>
    </section>
  );
}

/** Somebody who looks at one job, perhaps with a token for it alone. */
function Guest() {
  const { job, error } = useJob(settings.get('job'), { followToken: settings.get('token') ?? undefined });
  return <output id="guest">{error ? nameOf(error) : job?.status}</output>;
}

function Page() {
  const [isShown, setShown] = useState(true);
  return (
    <>
      <button type="button" id="toggle" onClick={() => setShown(!isShown)} />
      {isShown && <Swap />}
      {settings.has('list') && isShown && <List />}
      <OneUpload />
      <Guest />
      <BeforeAfter
        before={settings.get('picture') ?? ''}
        after={settings.get('picture') ?? ''}
        label="Compare"
        style={{ width: 200 }}
      />
      <output id="connection">{useConnection()}</output>
    </>
  );
}

export function start(): void {
  createRoot(document.body.appendChild(document.createElement('main'))).render(
    <StrictMode>
      <FaceSwapProvider client={client}>
        <Page />
      </FaceSwapProvider>
    </StrictMode>,
  );
}

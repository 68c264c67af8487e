/** A component that a server renders and a browser takes over: bundled into a page, and imported by its test. */
import { StrictMode } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { createFaceSwap, type FaceSwap, type Job } from '../src/index.js';
import {
  BeforeAfter,
  FaceSwapProvider,
  useFaceSwap,
  useJob,
  useJobs,
  useUpload,
} from '../src/react/index.js';

export interface Rendered {
  /** The address of `/graphql`. */
  readonly url: string;
  readonly initial: Job;
}

function Shown({ initial }: Pick<Rendered, 'initial'>) {
  const { job } = useJob(initial.id, { initial });
  const { busy } = useFaceSwap({ resume: true });
  const { jobs, loading } = useJobs();
  const { uploaded } = useUpload();
  const { result } = job ?? {};
  return (
    <>
      <output id="job">{job?.status}</output>
      <output id="list">{loading ? 'loading' : jobs.map(({ status }) => status).join()}</output>
      {busy || uploaded !== null}
      <BeforeAfter before="before.png" after={result?.url ?? 'after.png'} defaultPosition={100 / 3} />
    </>
  );
}

export function Page({ client, initial }: { readonly client: FaceSwap } & Pick<Rendered, 'initial'>) {
  return (
    <StrictMode>
      <FaceSwapProvider client={client}>
        <Shown initial={initial} />
      </FaceSwapProvider>
    </StrictMode>
  );
}

export function hydrate(root: Element, { url, initial }: Rendered): void {
  hydrateRoot(root, <Page client={createFaceSwap({ url, scope: 'somebody' })} initial={initial} />);
}

import { Button, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import type { OperationDefinitionNode } from 'graphql';
import { useEffect, useMemo, useRef } from 'react';
import { isVideo, resultUrls, submittedJobId, withVariable } from './job-answer.js';

/**
 * The panel below the answer: shows its finished pictures or, after a submit, a button that follows the new job. The id
 * of the new job is written into Variables, so that it need not be copied.
 */
export function JobPanel() {
  const { answer, operations, variableEditor, isFetching } = useGraphiQL((state) => ({
    answer: state.tabs[state.activeTabIndex]?.response,
    operations: state.operations,
    variableEditor: state.variableEditor,
    isFetching: state.isFetching,
  }));
  const { setOperationName, run } = useGraphiQLActions();
  const jobId = useMemo(() => submittedJobId(answer), [answer]);
  const urls = useMemo(() => resultUrls(answer), [answer]);

  const written = useRef<string>(undefined);
  useEffect(() => {
    if (jobId === undefined || jobId === written.current || !variableEditor) return;
    written.current = jobId;
    const variables = withVariable(variableEditor.getValue(), 'id', jobId);
    if (variables !== undefined) variableEditor.setValue(variables);
  }, [jobId, variableEditor]);

  const follow = operations?.find(followsJob)?.name?.value;
  if (jobId !== undefined && follow !== undefined && !isFetching) {
    const onClick = () => {
      setOperationName(follow);
      void run();
    };
    return (
      <div className="job-panel">
        <Button onClick={onClick}>Follow this job</Button>
        <span>Its id is in Variables now.</span>
      </div>
    );
  }
  if (urls.length === 0) return null;
  return (
    <div className="job-panel">
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

function followsJob({ operation, variableDefinitions }: OperationDefinitionNode): boolean {
  return (
    operation === 'subscription' &&
    variableDefinitions?.some(({ variable }) => variable.name.value === 'id') === true
  );
}

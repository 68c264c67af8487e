import type { Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { JobPanel } from './job-panel.js';

/** GraphiQL with the gateway's name, its example, and the job panel below the answer. */
export function GatewayGraphiQL({ fetcher, example }: { fetcher: Fetcher; example: string }) {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultQuery={example}
      defaultEditorToolsVisibility="variables"
      inputValueDeprecation
    >
      <GraphiQL.Logo>Face swap gateway</GraphiQL.Logo>
      <GraphiQL.Footer>
        <JobPanel />
      </GraphiQL.Footer>
    </GraphiQL>
  );
}

import type { Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { GatewayNotice } from './gateway-notice.js';
import type { GatewayPresence } from './gateway-presence.js';
import { JobPanel } from './job-panel.js';
import type { LinkedOperation } from './linked-operation.js';
import type { RecentSubmits } from './recent-submits.js';
import { WrappedLines } from './wrapped-lines.js';

interface GatewayGraphiQLProps {
  readonly fetcher: Fetcher;
  readonly example: string;
  readonly linked: LinkedOperation | null;
  readonly presence: GatewayPresence;
  readonly submits: RecentSubmits;
}

/** GraphiQL with the gateway's name, its example, and below the answer what the gateway adds to it. */
export function GatewayGraphiQL({ fetcher, example, linked, presence, submits }: GatewayGraphiQLProps) {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultQuery={example}
      {...linked}
      // What a link brings must be seen before it runs.
      defaultEditorToolsVisibility={linked?.initialVariables ? 'variables' : false}
      inputValueDeprecation
    >
      <GraphiQL.Logo>Face swap gateway</GraphiQL.Logo>
      <GraphiQL.Footer>
        <GatewayNotice presence={presence} />
        <JobPanel submits={submits} />
      </GraphiQL.Footer>
      <WrappedLines />
    </GraphiQL>
  );
}

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';

/**
 * Returns a function that follows a job: opens a tab with a subscription, with the credentials of the present tab, and
 * runs it. The id is in the document, so no variables are needed or changed.
 */
export function useFollowJob(): (id: string, operationName: string) => void {
  const { tabs, queryEditor, headerEditor } = useGraphiQL((state) => ({
    tabs: state.tabs,
    queryEditor: state.queryEditor,
    headerEditor: state.headerEditor,
  }));
  const { stop, addTab, changeTab, setOperationName, run } = useGraphiQLActions();

  return (id, operationName) => {
    const document = followDocument(id, operationName);
    const headers = headerEditor?.getValue() ?? '';
    // A subscription that is still running would write into the new tab.
    stop();
    const opened = tabs.findIndex(({ query }) => query === document);
    if (opened === -1) addTab();
    else changeTab(opened);
    queryEditor?.setValue(document);
    headerEditor?.setValue(headers);
    setOperationName(operationName);
    void run();
  };
}

function followDocument(id: string, operationName: string): string {
  return `# Live, over a WebSocket: the present state,
# then every newer one until the last.
subscription ${operationName} {
  jobUpdated(id: ${JSON.stringify(id)}) {
    status
    version
    result {
      url
    }
    error {
      code
      message
    }
    history {
      status
      at
      source
    }
  }
}
`;
}

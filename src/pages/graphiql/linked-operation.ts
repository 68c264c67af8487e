/** What the page's address asks for. It is shown, and runs only when the user says so. */
export interface LinkedOperation {
  readonly initialQuery?: string;
  readonly initialVariables?: string;
}

/** Reads the parameters of GraphQL over HTTP: `?query=…&variables=…`. */
export function linkedOperation({ search }: Pick<Location, 'search'>): LinkedOperation {
  const parameters = new URLSearchParams(search);
  const query = parameters.get('query');
  const variables = parameters.get('variables');
  return {
    ...(query && { initialQuery: query }),
    ...(query && variables && { initialVariables: variables }),
  };
}

/** What the page's address asks for. It is shown, and runs only when the user says so. */
export interface LinkedOperation {
  readonly initialQuery: string;
  /** Empty if the link has none: GraphiQL would otherwise take those of the last visit. */
  readonly initialVariables: string;
}

/** Reads the parameters of GraphQL over HTTP: `?query=…&variables=…`; null without a query. */
export function linkedOperation({ search }: Pick<Location, 'search'>): LinkedOperation | null {
  const parameters = new URLSearchParams(search);
  const query = parameters.get('query');
  return query ? { initialQuery: query, initialVariables: parameters.get('variables') ?? '' } : null;
}

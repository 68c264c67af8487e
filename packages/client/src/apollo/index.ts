/**
 * Apollo Client 4, set up for jobs that change while they are shown.
 *
 *     const socket = createClient(socketOptions({ url, token }));
 *     const client = new ApolloClient({
 *       cache: new InMemoryCache({ possibleTypes, typePolicies }),
 *       link: ApolloLink.from([
 *         refuseOlderJobs(),
 *         ApolloLink.split(
 *           ({ operationType }) => operationType === 'subscription',
 *           new GraphQLWsLink(socket),
 *           new HttpLink({ uri: url }),
 *         ),
 *       ]),
 *     });
 */
export { possibleTypes, typePolicies } from './cache-policies.js';
export { followJobs } from './follow-jobs.js';
export { JOB_FIELDS } from './fragments.js';
export { refuseOlderJobs } from './refuse-older-jobs.js';
export { type SocketOptions, socketOptions } from './socket-options.js';

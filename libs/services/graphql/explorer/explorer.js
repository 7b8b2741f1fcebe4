/* global GraphiQL, React, ReactDOM, document */
// The page's own script. Sign in under "Headers": {"authorization": "Bearer <token from /token>"}; it is forgotten with the page.

const DEFAULT_QUERY = `# Everything here can be read without signing in.
{
  repositories(first: 10) {
    nodes {
      name
      tags(first: 5) {
        nodes {
          name
          digest
          record {
            index
            state
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

ReactDOM.createRoot(document.getElementById('explorer')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: '/graphql' }),
    defaultQuery: DEFAULT_QUERY,
    shouldPersistHeaders: false,
  }),
);

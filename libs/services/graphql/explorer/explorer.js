/* global GraphiQL, React, ReactDOM, document */
// The page's own script, behind React's and GraphiQL's.

const DEFAULT_QUERY = `# What is public is read without signing in. To sign in, write under "Headers":
#   {"authorization": "Bearer <a token from /token>"}
# They are forgotten when the page is left.
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

import type { ApolloServerPlugin } from '@apollo/server';
import { GraphQLError } from 'graphql';

import type { GraphqlContext } from './context.ts';
import { costOf } from './cost.ts';
import type { ApiErrorCode } from './errors.ts';
import { LIMITS } from './limits.ts';

/** Refuses a valid operation whose estimated cost is over the limit, before any of it is executed. */
export const limitCost: ApolloServerPlugin<GraphqlContext> = {
  requestDidStart: () =>
    Promise.resolve({
      didResolveOperation: ({ schema, document, operation, request }) => {
        if (operation === undefined) return Promise.resolve(); // Apollo refuses a name that is not in the document
        const cost = costOf({ schema, document, operation, variables: request.variables ?? {} });
        if (cost <= LIMITS.cost) return Promise.resolve();
        const message = `The operation may cost ${cost}, and the limit is ${LIMITS.cost}: ask for shorter pages or fewer fields.`;
        const code: ApiErrorCode = 'QUERY_TOO_COSTLY';
        throw new GraphQLError(message, { extensions: { code, http: { status: 400 } } });
      },
    }),
};

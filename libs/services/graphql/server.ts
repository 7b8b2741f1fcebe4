import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloArmor } from '@escape.tech/graphql-armor';
import type { FastifyBaseLogger } from 'fastify';

import type { GraphqlContext } from './context.ts';
import { maskInternal } from './errors.ts';
import { limitCost } from './limit-cost.ts';
import { LIMITS } from './limits.ts';
import { buildSchema } from './schema.ts';

/** Makes the Apollo Server over the schema, with every limit set and nothing reported to anybody. */
export function createServer(log: FastifyBaseLogger): ApolloServer<GraphqlContext> {
  const { validationRules } = new ApolloArmor({
    maxDepth: { n: LIMITS.depth, flattenFragments: true },
    maxAliases: { n: LIMITS.aliases },
    maxDirectives: { n: LIMITS.directives },
    costLimit: { enabled: false }, // limit-cost.ts instead, which knows how long a page is
  }).protect();
  return new ApolloServer<GraphqlContext>({
    schema: buildSchema(),
    logger: log,
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    formatError: maskInternal,
    parseOptions: { maxLexicalTokens: LIMITS.tokens },
    validationRules,
    plugins: [
      limitCost,
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ],
  });
}

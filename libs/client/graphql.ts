import { z } from 'zod';

import { ClientError } from './errors.ts';
import { parseJson } from './http.ts';
import type { Session } from './session.ts';
import { printable } from './text.ts';

/** A GraphQL operation and the shape of its data, checked when it comes. */
export type Operation<Data> = {
  readonly document: string;
  readonly data: z.ZodType<Data>;
  /** Token scope to ask for if the gateway wants a token. */
  readonly scope?: string;
};

const answerSchema = z.looseObject({
  data: z.unknown(),
  errors: z
    .array(
      z.looseObject({
        message: z.string(),
        extensions: z.looseObject({ code: z.string().optional() }).nullish(),
      }),
    )
    .max(1000)
    .nullish(),
});

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/**
 * Sends an operation to `/graphql` (GraphQL over HTTP, POST) and gives its data.
 * @throws ClientError of every code
 */
export async function graphql<Data>(
  session: Session,
  operation: Operation<Data>,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<Data> {
  const { bytes } = await session.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: operation.document, variables }),
    maxBytes: MAX_ANSWER_BYTES,
    ...(operation.scope !== undefined && { scope: operation.scope }),
  });
  const url = `${session.url}/graphql`;
  const answer = answerSchema.safeParse(parseJson(bytes, url));
  if (!answer.success) throw new ClientError('BAD_RESPONSE', `${printable(url)} did not answer in GraphQL.`);
  const [error] = answer.data.errors ?? [];
  if (error !== undefined) throw graphqlError(error.extensions?.code, error.message);

  const data = operation.data.safeParse(answer.data.data);
  if (data.success) return data.data;
  throw new ClientError(
    'BAD_RESPONSE',
    `${printable(url)} answered with data of another shape than this version knows: ${printable(z.prettifyError(data.error))}`,
  );
}

function graphqlError(code: string | undefined, message: string): ClientError {
  const text = printable(message, 1000);
  switch (code ?? '') {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return new ClientError('DENIED', text);
    case 'NOT_FOUND':
      return new ClientError('NOT_FOUND', text);
    case 'TIMEOUT':
      return new ClientError('TIMEOUT', text);
    case 'INTERNAL':
    case 'UNAVAILABLE':
    case 'TOO_MANY_REQUESTS':
      return new ClientError('UNAVAILABLE', text);
    default:
      return new ClientError('REJECTED', text);
  }
}

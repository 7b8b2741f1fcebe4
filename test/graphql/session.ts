import type { BuiltManifest, TestGateway } from '@dockchains/testing';
import { z } from 'zod';

const answerSchema = z.object({
  data: z.unknown().optional(),
  errors: z
    .array(
      z.object({
        message: z.string(),
        extensions: z.looseObject({ code: z.string() }),
      }),
    )
    .default([]),
});

/** A GraphQL answer: `codes` are its errors', in order. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly data: unknown;
  readonly codes: readonly string[];
  readonly messages: readonly string[];
};

/** Asks the gateway's `/graphql`. */
export async function ask(
  gateway: Pick<TestGateway, 'url'>,
  query: string,
  { variables = {}, token }: { variables?: object; token?: string } = {},
): Promise<Answer> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = answerSchema.parse(await response.json());
  return {
    status: response.status,
    headers: response.headers,
    data,
    codes: errors.map(({ extensions }) => extensions.code),
    messages: errors.map(({ message }) => message),
  };
}

/** Pushes a built manifest and what it needs; gives the record's id. */
export async function push(
  gateway: TestGateway,
  image: BuiltManifest,
  { repository, tag }: { repository: string; tag: string },
): Promise<string> {
  const token = await gateway.token(gateway.operator, `repository:${repository}:pull,push`);
  const authorization = `Bearer ${token}`;
  const root = `${gateway.url}/v2/${repository}`;
  for (const { descriptor, bytes } of image.blobs) {
    const started = await fetch(`${root}/blobs/uploads/`, { method: 'POST', headers: { authorization } });
    const location = new URL(started.headers.get('location') ?? '', gateway.url);
    location.searchParams.set('digest', descriptor.digest);
    await passCreated(await fetch(location, { method: 'PUT', headers: { authorization }, body: bytes }));
  }
  const put = await fetch(`${root}/manifests/${tag}`, {
    method: 'PUT',
    headers: { authorization, 'content-type': image.descriptor.mediaType },
    body: image.bytes,
  });
  await passCreated(put);
  return put.headers.get('dockchains-record') ?? '';
}

async function passCreated(response: Response): Promise<void> {
  if (response.status === 201) return;
  throw new Error(`Status ${response.status}: ${await response.text()}`);
}

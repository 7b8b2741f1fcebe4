import { setTimeout as after } from 'node:timers/promises';

import { buildImage, type BuiltManifest, type TestAccount } from '@dockchains/testing';
import { request } from 'undici';

/** How often what was written on one gateway was read on the other at once. */
export interface FreshnessRun {
  readonly tries: number;
  /** What was stale, in words; empty is what is wanted. */
  readonly stale: readonly string[];
}

/** What is asked of a gateway here. */
export interface Reachable {
  readonly url: string;
  readonly operator: TestAccount;
  readonly publisher: TestAccount;
  token(account: TestAccount, ...scopes: readonly string[]): Promise<string>;
}

/** One worker's repository and account, on both gateways. */
interface Worker {
  readonly repository: string;
  readonly username: string;
  readonly images: readonly [BuiltManifest, BuiltManifest];
  publisherToken: string;
  accountToken: string;
  operatorToken: string;
}

type Try = (
  worker: Worker,
  writer: Reachable,
  reader: Reachable,
  count: number,
) => Promise<string | undefined>;

const TOKEN_LIFE_MS = 120_000;
const PASSWORD = 'password-of-a-worker';

/**
 * Writes on one gateway of the pair and reads on the other as soon as the write is answered, `tries` times from `workers` sides at once: tags that
 * move and go, manifests that go, rights that are given and taken.
 */
export async function readElsewhere(
  { first, second }: { first: Reachable; second: Reachable },
  { tries, workers, name = 'fresh' }: { tries: number; workers: number; name?: string },
): Promise<FreshnessRun> {
  const stale: string[] = [];
  let begun = 0;
  const run = async (number: number): Promise<void> => {
    const worker = await openWorker(first, `${name}${number}`);
    let renewal = Date.now() + TOKEN_LIFE_MS;
    for (let count = 0; begun < tries; count += 1) {
      begun += 1;
      if (Date.now() > renewal) {
        await renewTokens(first, worker);
        renewal = Date.now() + TOKEN_LIFE_MS;
      }
      const [writer, reader] = count % 2 === 0 ? [first, second] : [second, first];
      const found = await chooseTry(count)(worker, writer, reader, count);
      if (found !== undefined) stale.push(`${worker.repository}, try ${count}: ${found}`);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, number) => run(number)));
  return { tries: begun, stale };
}

const chooseTry = (count: number): Try => {
  if (count % 20 === 7) return changeRights;
  if (count % 10 === 3) return deleteManifest;
  if (count % 10 === 6) return deleteTag;
  return moveTag;
};

const moveTag: Try = async ({ repository, images, publisherToken }, writer, reader, count) => {
  const image = images[count % 3 === 0 ? 0 : 1];
  await putManifest(writer, { repository, tag: 'moving', image, token: publisherToken });
  const method = count % 4 < 2 ? 'HEAD' : 'GET';
  const answer = await send(reader, method, `/v2/${repository}/manifests/moving`, publisherToken);
  if (answer.digest === image.descriptor.digest) return undefined;
  return `the tag moved to ${image.descriptor.digest}, ${method} gave ${answer.status} ${answer.digest}`;
};

const deleteTag: Try = async ({ repository, images, publisherToken: token }, writer, reader) => {
  await putManifest(writer, { repository, tag: 'going', image: images[0], token });
  if ((await send(reader, 'GET', `/v2/${repository}/manifests/going`, token)).status !== 200)
    return 'a new tag was absent';
  const gone = await send(writer, 'DELETE', `/v2/${repository}/manifests/going`, token);
  if (gone.status !== 202) throw new Error(`The tag was not deleted: ${gone.status} ${gone.text}`);
  const { status } = await send(reader, 'GET', `/v2/${repository}/manifests/going`, token);
  return status === 404 ? undefined : `a deleted tag was answered ${status}`;
};

const deleteManifest: Try = async ({ repository, images, publisherToken: token }, writer, reader, count) => {
  const image = buildImage({
    config: imageConfig(images),
    layers: [],
    annotations: { count: String(count) },
  });
  const path = `/v2/${repository}/manifests/${image.descriptor.digest}`;
  await putManifest(writer, { repository, tag: image.descriptor.digest, image, token });
  if ((await send(reader, 'GET', path, token)).status !== 200) return 'a new manifest was absent';
  const gone = await send(writer, 'DELETE', path, token);
  if (gone.status !== 202) throw new Error(`The manifest was not deleted: ${gone.status} ${gone.text}`);
  const { status } = await send(reader, count % 2 === 0 ? 'GET' : 'HEAD', path, token);
  return status === 404 ? undefined : `a deleted manifest was answered ${status}`;
};

const changeRights: Try = async (worker, writer, reader) => {
  const { repository, username, accountToken } = worker;
  const begin = (): Promise<Answer> => send(reader, 'POST', `/v2/${repository}/blobs/uploads/`, accountToken);
  await administer(
    writer,
    worker,
    `removePolicy(username: "${username}", pattern: "${repository}") { username }`,
  );
  const refused = await begin();
  await administer(
    writer,
    worker,
    `setPolicy(username: "${username}", pattern: "${repository}", actions: [PULL, PUSH]) { username }`,
  );
  const taken = await begin();
  if (taken.status === 202) await send(reader, 'DELETE', taken.location, accountToken);
  if (refused.status !== 403) return `a right that was taken away was answered ${refused.status}`;
  return taken.status === 202 ? undefined : `a right that was given was answered ${taken.status}`;
};

const imageConfig = ([image]: Worker['images']): BuiltManifest['blobs'][number] => {
  const [config] = image.blobs;
  if (config === undefined) throw new Error('The image has no config.');
  return config;
};

async function openWorker(gateway: Reachable, username: string): Promise<Worker> {
  const repository = `public/${username}`;
  const images = [buildImage(), buildImage()] as const;
  const worker = { repository, username, images, publisherToken: '', accountToken: '', operatorToken: '' };
  worker.operatorToken = await operatorToken(gateway);
  await administer(
    gateway,
    worker,
    `createAccount(username: "${username}", password: "${PASSWORD}",
       policies: [{ pattern: "${repository}", actions: [PULL, PUSH] }]) { username }`,
  );
  await renewTokens(gateway, worker);
  for (const { descriptor, bytes } of images.flatMap(({ blobs }) => blobs)) {
    const path = `/v2/${repository}/blobs/uploads/?digest=${descriptor.digest}`;
    const { status, text } = await send(gateway, 'POST', path, worker.publisherToken, bytes);
    if (status !== 201) throw new Error(`The blob was not taken: ${status} ${text}`);
  }
  return worker;
}

async function renewTokens(gateway: Reachable, worker: Worker): Promise<void> {
  const scope = `repository:${worker.repository}:pull,push,delete`;
  worker.publisherToken = await gateway.token(gateway.publisher, scope);
  worker.accountToken = await gateway.token({ username: worker.username, password: PASSWORD }, scope);
  worker.operatorToken = await operatorToken(gateway);
}

function operatorToken(gateway: Reachable): Promise<string> {
  return gateway.token(gateway.operator, 'repository:**:pull,push,delete,admin');
}

async function administer(gateway: Reachable, { operatorToken }: Worker, mutation: string): Promise<void> {
  const body = Buffer.from(JSON.stringify({ query: `mutation { ${mutation} }` }));
  const { status, text } = await send(gateway, 'POST', '/graphql', operatorToken, body, 'application/json');
  if (status !== 200 || text.includes('"errors"'))
    throw new Error(`${mutation} was answered ${status}: ${text}`);
}

async function putManifest(
  gateway: Reachable,
  { repository, tag, image, token }: { repository: string; tag: string; image: BuiltManifest; token: string },
): Promise<void> {
  const path = `/v2/${repository}/manifests/${tag}`;
  // Under load a push may be told to come again; that is no staleness.
  for (let attempt = 0; ; attempt += 1) {
    const answer = await send(gateway, 'PUT', path, token, image.bytes, image.descriptor.mediaType);
    if (answer.status === 201) return;
    if (answer.status !== 503 || attempt > 20) {
      throw new Error(`PUT ${path} was answered ${answer.status}: ${answer.text}`);
    }
    await after(500);
  }
}

interface Answer {
  readonly status: number;
  readonly digest: string;
  readonly location: string;
  readonly text: string;
}

async function send(
  gateway: Reachable,
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  token: string,
  body?: Buffer,
  type = 'application/octet-stream',
): Promise<Answer> {
  const {
    statusCode,
    headers,
    body: answer,
  } = await request(`${gateway.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) },
    body: body ?? null,
  });
  const header = (name: string): string => String(headers[name] ?? '');
  return {
    status: statusCode,
    digest: header('docker-content-digest'),
    location: header('location'),
    text: await answer.text(),
  };
}

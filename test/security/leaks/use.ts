import { join } from 'node:path';

import { createAccess } from '@dockchains/access';
import { openDatabase } from '@dockchains/database';
import { openKey } from '@dockchains/keys';
import {
  buildImage,
  buildLayer,
  type BuiltManifest,
  contentOf,
  startGateway,
  type TestAccount,
  type TestGateway,
} from '@dockchains/testing';
import { OCI_LAYER_TAR } from '@dockchains/oci';
import { vi } from 'vitest';

import { outliveLeases } from '../../ageing.ts';
import { ask } from '../../graphql/session.ts';
import { type Collector, startCollector } from '../../telemetry/collector.ts';
import { type Secret, secretText } from './search.ts';

/** What somebody calls their private things; two sets with names of equal lengths are to look alike from outside. */
export interface PrivateNames {
  readonly namespace: string;
  readonly repository: string;
  readonly tags: readonly [string, string];
  readonly account: string;
  readonly robot: string;
  readonly content: string;
}

/** A gateway whose private repositories have been used in every way, and what may be found nowhere outside. */
export interface PrivateUse {
  readonly gateway: TestGateway;
  readonly collector: Collector;
  readonly stranger: TestAccount;
  readonly secrets: readonly Secret[];
  /** Waits until every record is under a published checkpoint. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

type Call = (method: string, path: string, body?: Buffer, type?: string) => Promise<Response>;

type Collected = {
  readonly collect: {
    readonly items: readonly { readonly repository: string; readonly kind: string }[];
    readonly next: string | null;
  };
};

const ALL = ['pull', 'push', 'tag:create', 'tag:move', 'delete'] as const;
const UNKNOWN = `sha256:${'0'.repeat(64)}`;
const SETTLE_MS = 60_000;

/** What a test may set: more environment, and what is done before anything private is there. */
interface UseOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly onStarted?: (gateway: TestGateway) => Promise<void>;
}

/** Starts a gateway that logs and traces all it can, and uses it. */
export async function usePrivately(
  names: PrivateNames,
  { env = {}, onStarted }: UseOptions = {},
): Promise<PrivateUse> {
  const collector = await startCollector();
  const gateway = await startGateway({
    env: {
      DOCKCHAINS_LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      ...env,
    },
  });
  await onStarted?.(gateway);
  const database = openDatabase(gateway.databaseUrl);
  const tokenKey = await openKey(join(gateway.dataDir, 'keys'), 'token');
  const { organisation, url: publicUrl } = gateway;
  const access = createAccess({ database, tokenKey, organisation, publicUrl, clock: () => new Date() });
  const owner: TestAccount = { username: names.account, password: `${names.account}-password` };
  const stranger: TestAccount = { username: 'stranger', password: 'stranger-password-1' };
  const policies = [{ pattern: `${names.namespace}/**`, actions: ALL }];
  await access.createAccount({ ...owner, policies });
  await access.createAccount({ ...stranger, policies: [] });
  await access.createRobot({ name: names.robot, policies, validHours: 1 });
  await access.setNamespaceRule(`${names.namespace}/**`, 'private');

  const repository = `${names.namespace}/${names.repository}`;
  const images = buildImages(names);
  await useRepository(
    callerOf(gateway, await tokenFor(gateway, owner, repository)),
    repository,
    names,
    images,
  );
  await readByGraphql(gateway, owner, repository, names);
  await closeAndUse(gateway, names, images[0]);
  await collectTwice(gateway, repository);
  const settle = async (): Promise<void> => {
    await vi.waitUntil(async () => {
      const [pending] = await database.query<{ count: bigint }>({
        name: 'test_pending_records',
        text: 'SELECT (SELECT count(*) FROM ledger_queue) + (SELECT count(*) FROM ledger_batch) AS count',
      });
      return pending?.count === 0n;
    }, SETTLE_MS);
  };
  return {
    ...{ gateway, collector, stranger, settle },
    secrets: [
      secretText('the namespace', names.namespace),
      secretText('the repository', names.repository),
      ...names.tags.map((tag) => secretText('a tag', tag)),
      secretText('the account', names.account),
      secretText('the robot', names.robot),
      secretText('the content', names.content),
      ...images
        .flatMap((image) => [image, ...image.blobs])
        .flatMap(({ descriptor }) => {
          const hex = descriptor.digest.slice('sha256:'.length);
          return [secretText('a digest', hex), { label: 'a digest’s bytes', bytes: Buffer.from(hex, 'hex') }];
        }),
    ],
    async close() {
      await database.close();
      await gateway.close();
      await collector.close();
    },
  };
}

/** Two images of the names' content, the second of which refers to the first. */
function buildImages({ content }: PrivateNames): readonly [BuiltManifest, BuiltManifest] {
  const layer = contentOf(Buffer.from(content), OCI_LAYER_TAR);
  const annotations = { 'org.example.note': content, 'org.opencontainers.image.source': content };
  const first = buildImage({ layers: [layer, buildLayer()], annotations });
  return [
    first,
    buildImage({ layers: [layer], annotations, subject: first.descriptor, artifactType: content }),
  ];
}

async function useRepository(
  call: Call,
  repository: string,
  { tags }: PrivateNames,
  images: readonly [BuiltManifest, BuiltManifest],
): Promise<void> {
  const root = `/v2/${repository}`;
  const [first, second] = images;
  const layer = first.blobs[1]?.descriptor.digest ?? '';
  for (const [place, image] of images.entries()) {
    for (const { bytes, descriptor } of image.blobs) {
      await must(201, call('POST', `${root}/blobs/uploads/?digest=${descriptor.digest}`, bytes));
    }
    await must(
      201,
      call('PUT', `${root}/manifests/${tags[place] ?? ''}`, image.bytes, image.descriptor.mediaType),
    );
  }
  await must(201, call('PUT', `${root}/manifests/${tags[0]}`, second.bytes, second.descriptor.mediaType));
  for (const path of [
    ...[`manifests/${tags[0]}`, `manifests/${first.descriptor.digest}`, `blobs/${layer}`, 'tags/list'],
    ...[`referrers/${first.descriptor.digest}`, `_oci/tag-history/${tags[0]}`, '_oci/ext/discover'],
  ]) {
    await must(200, call('GET', `${root}/${path}`));
  }
  await must(201, call('POST', `${root}-2/blobs/uploads/?mount=${layer}&from=${repository}`));

  await must(400, call('PUT', `${root}/manifests/${tags[1]}`, Buffer.from('{'), first.descriptor.mediaType));
  const sparse = Buffer.from(first.bytes.toString().replaceAll(layer, UNKNOWN));
  await must(404, call('PUT', `${root}/manifests/${tags[1]}`, sparse, first.descriptor.mediaType));
  await must(400, call('POST', `${root}/blobs/uploads/?digest=${UNKNOWN}`, first.bytes));
  await must(404, call('GET', `${root}/manifests/${tags[0]}-gone`));
  const begun = await must(202, call('POST', `${root}/blobs/uploads/`));
  const location = begun.headers.get('location') ?? '';
  await must(202, call('PATCH', location, first.bytes));
  await must(204, call('DELETE', location));
  await must(202, call('DELETE', `${root}/manifests/${tags[1]}`));
  const untagged = `${root}/manifests/${first.descriptor.digest}`;
  await must(202, call('DELETE', untagged));
  await must(201, call('PUT', untagged, first.bytes, first.descriptor.mediaType));
}

/** Makes a public repository private: its name is known, what is pushed there afterwards is not. */
async function closeAndUse(
  gateway: TestGateway,
  { tags }: PrivateNames,
  image: BuiltManifest,
): Promise<void> {
  const root = '/v2/public/closed';
  const call = callerOf(
    gateway,
    await gateway.token(gateway.publisher, 'repository:public/closed:pull,push'),
  );
  const open = buildImage({ layers: [] });
  const config = open.blobs[0];
  if (config === undefined) throw new Error('An image has a config.');
  await must(201, call('POST', `${root}/blobs/uploads/?digest=${config.descriptor.digest}`, config.bytes));
  await must(201, call('PUT', `${root}/manifests/open`, open.bytes, open.descriptor.mediaType));
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const change =
    'mutation { setRepositoryVisibility(repository: "public/closed", visibility: PRIVATE) { tags } }';
  const { codes } = await ask(gateway, change, { token });
  if (codes.length > 0) throw new Error(`The repository was not closed: ${codes.join()}`);
  for (const { bytes, descriptor } of image.blobs) {
    await must(201, call('POST', `${root}/blobs/uploads/?digest=${descriptor.digest}`, bytes));
  }
  await must(201, call('PUT', `${root}/manifests/${tags[1]}`, image.bytes, image.descriptor.mediaType));
}

/** Collects what became unneeded and untagged, and then what only that needed. */
async function collectTwice(gateway: TestGateway, repository: string): Promise<void> {
  const collected: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    await outliveLeases(gateway.databaseUrl);
    const token = await gateway.token(gateway.operator, 'repository:**:admin');
    for (let after: string | null = null; ;) {
      const mutation = `mutation ($after: String) {
        collect(untagged: true, after: $after) { items { repository kind } next } }`;
      const { data, codes } = await ask(gateway, mutation, { variables: { after }, token });
      if (codes.length > 0) throw new Error(`Nothing was collected: ${codes.join()}`);
      const { items, next } = (data as Collected).collect;
      collected.push(...items.map((item) => `${item.kind} ${item.repository}`));
      if (next === null) break;
      after = next;
    }
  }
  for (const kind of ['MANIFEST', 'CONTENT']) {
    if (!collected.includes(`${kind} ${repository}`)) throw new Error(`No ${kind} was collected there.`);
  }
}

async function readByGraphql(
  gateway: TestGateway,
  owner: TestAccount,
  repository: string,
  { tags }: PrivateNames,
): Promise<void> {
  const token = await gateway.token(owner, 'repository:**:pull');
  const query = `query ($reference: String!, $tag: String!) {
    viewer { username policies { pattern } }
    artifact(reference: $reference) { id record { id kind index statement } }
    repositories { nodes { name tags { nodes { name record { id statement } } }
      tagHistory(tag: $tag) { nodes { kind digest record { id } } } } }
  }`;
  const variables = { reference: `${repository}:${tags[0]}`, tag: tags[0] };
  const { data, codes } = await ask(gateway, query, { variables, token });
  if (codes.length > 0 || !JSON.stringify(data).includes(repository)) {
    throw new Error(`GraphQL did not show the owner what is theirs: ${JSON.stringify([data, codes])}`);
  }
}

function tokenFor(gateway: TestGateway, owner: TestAccount, repository: string): Promise<string> {
  return gateway.token(
    owner,
    `repository:${repository}:pull,push,delete`,
    `repository:${repository}-2:pull,push`,
  );
}

function callerOf({ url }: TestGateway, token: string): Call {
  return (method, path, body, type = 'application/octet-stream') =>
    fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
      body: body === undefined ? null : new Uint8Array(body),
    });
}

async function must(status: number, answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  const text = await response.text();
  if (response.status === status) return response;
  throw new Error(`${response.url} was answered ${response.status}, not ${status}: ${text}`);
}

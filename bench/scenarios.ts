import { connect, type Connection } from './connection.ts';
import { EMPTY_CONFIG, freshSmallImage, IMAGE, LARGE_BLOB, SMALL_BLOB } from './content.ts';
import { type Bounds, type Operation, runLoad } from './load.ts';
import { pushBlob, pushLargeBlob, pushManifest, pushSmallImage } from './push.ts';
import { REPOSITORY, type Target, TAGS_REPOSITORY } from './target.ts';

/** One figure: an operation over so many connections, counted by operations or by the bytes that it moves. */
export interface Scenario {
  readonly name: string;
  readonly connections: number;
  readonly unit: 'requests/s' | 'images/s' | 'MB/s';
  readonly operation: Operation;
  /** Bound of one run, also where its time is not up. */
  readonly operations: number;
  /** How many times the rate of Debian's docker-registry it should reach. */
  readonly target: number;
}

const TAG = 'latest';
const MANY = 100_000;
// A run of uploads leaves this many times 64 MiB in each registry.
const LARGE_PUSHES = 8;
const TAG_DIGITS = 6;
const PAGE = 100;

/** Gives all figures; `tags` is how many tags {@link prepare} has set. */
export function listScenarios(tags: number): readonly Scenario[] {
  const byTag = `/v2/${REPOSITORY}/manifests/${TAG}`;
  const byDigest = `/v2/${REPOSITORY}/manifests/${IMAGE.descriptor.digest}`;
  const small = `/v2/${REPOSITORY}/blobs/${SMALL_BLOB.descriptor.digest}`;
  const large = `/v2/${REPOSITORY}/blobs/${LARGE_BLOB.descriptor.digest}`;
  const page = `/v2/${TAGS_REPOSITORY}/tags/list?n=${PAGE}&last=${tagName(Math.floor(tags / 2))}`;
  const read = { unit: 'requests/s', operations: MANY } as const;
  return [
    { ...read, name: 'manifest GET by tag', connections: 16, operation: get(byTag), target: 6 },
    { ...read, name: 'manifest HEAD by tag', connections: 16, operation: head(byTag), target: 6 },
    { ...read, name: 'manifest GET by digest', connections: 16, operation: get(byDigest), target: 5 },
    { ...read, name: 'manifest GET by tag', connections: 64, operation: get(byTag), target: 9 },
    { ...read, name: 'manifest HEAD by tag', connections: 64, operation: head(byTag), target: 9 },
    { ...read, name: 'manifest GET by digest', connections: 64, operation: get(byDigest), target: 9 },
    { ...read, name: 'blob GET, 100 KiB', connections: 16, operation: get(small), target: 4 },
    { ...read, name: `tags, ${PAGE} of ${tags}`, connections: 16, operation: get(page), target: 10 },
    ...[1, 8].map((connections) => ({
      ...{ name: 'blob GET, 64 MiB', connections, operation: get(large), target: 1.1 },
      ...{ unit: 'MB/s' as const, operations: MANY },
    })),
    ...[1, 4].map((connections) => ({
      ...{ name: 'blob push, 64 MiB', connections, operation: pushLargeBlob, target: 1.5 },
      ...{ unit: 'MB/s' as const, operations: LARGE_PUSHES },
    })),
    {
      ...{ name: 'small image push', connections: 16, operation: pushSmallImage, target: 2 },
      ...{ unit: 'images/s', operations: MANY },
    },
  ];
}

/** Pushes what the scenarios read, and sets the tags. */
export async function prepare(target: Target, tags: number, bounds: Bounds): Promise<void> {
  const connection = connect(target.url, await target.authorize());
  try {
    for (const blob of [...IMAGE.blobs, SMALL_BLOB, LARGE_BLOB, EMPTY_CONFIG]) {
      await pushBlob(connection, REPOSITORY, blob);
    }
    await pushManifest(connection, REPOSITORY, { manifest: IMAGE, reference: TAG });
    await setTags(target, connection, tags, bounds);
  } finally {
    await connection.close();
  }
}

async function setTags(target: Target, connection: Connection, tags: number, bounds: Bounds): Promise<void> {
  const { layer, manifest } = freshSmallImage();
  for (const blob of [layer, EMPTY_CONFIG]) await pushBlob(connection, TAGS_REPOSITORY, blob);
  let next = 0;
  const setNext = async (one: Connection): Promise<number> => {
    await pushManifest(one, TAGS_REPOSITORY, { manifest, reference: tagName(next++) });
    return 0;
  };
  await runLoad(target, setNext, { connections: 16, bounds: { ...bounds, operations: tags } });
  if (next < tags)
    throw new Error(`${target.name} took only ${next} of ${tags} tags in ${bounds.seconds} s.`);
}

const get =
  (path: string): Operation =>
  async (connection) =>
    (await connection.send({ method: 'GET', path, expect: 200 })).bytes;

const head =
  (path: string): Operation =>
  async (connection) =>
    (await connection.send({ method: 'HEAD', path, expect: 200 })).bytes;

const tagName = (number: number): string => `tag-${String(number).padStart(TAG_DIGITS, '0')}`;

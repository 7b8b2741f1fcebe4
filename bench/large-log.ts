import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import { encodeRecord, type LedgerRecord, parseRecordId } from '@dockchains/records';
import { buildImage, type BuiltManifest } from '@dockchains/testing';
import { parseDigest } from '@dockchains/oci';
import {
  appendToTree,
  EMPTY_TREE,
  encodeBundle,
  frontierRoot,
  hashLeaf,
  type NoteSigner,
  parseOrigin,
  parseTilePath,
  partialTiles,
  signCheckpoint,
  TILE_WIDTH,
  tilePath,
} from '@dockchains/tlog';

import { EMPTY_CONFIG } from './content.ts';

/** A log as its organisation's gateway would serve it, and the images that its records tell of. */
export interface LargeLog {
  /** A file by its path below the log's URL. */
  find(path: string): Promise<Uint8Array | undefined>;
  findManifest(digest: string): Uint8Array | undefined;
}

const PUSHES_PER_REPOSITORY = 100;
const RECORDS_PER_PUSH = 2;
const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';

// What differs between pushes, as it stands in the templates.
const NUMBER = '000000000';
const DIGEST = 'ab'.repeat(32);
const RECORD_ID = '0'.repeat(32);
const REPOSITORY = 'public/app-x';

const TEMPLATE: BuiltManifest = buildImage({
  config: EMPTY_CONFIG,
  layers: [EMPTY_CONFIG],
  annotations: { 'org.opencontainers.image.version': NUMBER },
});

/** Builds the log of so many pushes, a manifest and a tag each, of 100 to a repository; the entries go to a file. */
export async function buildLargeLog(
  organisation: string,
  { size, path, signer }: { readonly size: number; readonly path: string; readonly signer: NoteSigner },
): Promise<LargeLog> {
  const origin = parseOrigin(`${organisation}/ledger/public`);
  const manifests = new Map<string, number>();
  const files = new Map<string, Uint8Array>();
  const bundles: { readonly at: number; readonly length: number }[] = [];
  const file = await open(path, 'w+');
  const entryOf = openEntries(organisation, manifests);
  let tree = EMPTY_TREE;
  let written = 0;
  for (let start = 0; start < size; start += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - start);
    const entries = Array.from({ length: width }, (_, at) => entryOf(start + at));
    const leaves = entries.map(hashLeaf);
    const bundle = encodeBundle(entries);
    await file.write(bundle, 0, bundle.length, written);
    bundles.push({ at: written, length: bundle.length });
    written += bundle.length;
    const next = appendToTree(tree, leaves);
    ({ tree } = next);
    for (const { id, bytes } of next.filled) files.set(tilePath(id), bytes);
    const index = BigInt(start / TILE_WIDTH);
    if (width < TILE_WIDTH) files.set(tilePath({ level: 0, index, width }), Buffer.concat(leaves));
  }
  for (const { id, bytes } of partialTiles(tree)) files.set(tilePath(id), bytes);
  const head = { origin, size: BigInt(size), root: frontierRoot(tree.frontier) };
  files.set('checkpoint', Buffer.from(signCheckpoint(head, signer)));
  return {
    find: (wanted) => Promise.resolve(files.get(wanted) ?? readBundle(file, bundles, wanted)),
    findManifest(digest) {
      const number = manifests.get(digest.slice('sha256:'.length));
      return number === undefined ? undefined : manifestOf(number);
    },
  };
}

async function readBundle(
  file: FileHandle,
  bundles: readonly { readonly at: number; readonly length: number }[],
  path: string,
): Promise<Uint8Array | undefined> {
  if (!path.startsWith('tile/entries/')) return undefined;
  const place = bundles[Number(parseTilePath(path).index)];
  if (place === undefined) return undefined;
  const bytes = Buffer.allocUnsafe(place.length);
  await file.read(bytes, 0, place.length, place.at);
  return bytes;
}

/** Gives the entry of an index; `manifests` gets the numbers of the images by digest. */
function openEntries(organisation: string, manifests: Map<string, number>): (index: number) => Uint8Array {
  const common = {
    organisation,
    repository: REPOSITORY,
    recordId: parseRecordId(RECORD_ID),
    digest: parseDigest(`sha256:${DIGEST}`),
    mediaType: MEDIA_TYPE,
    size: TEMPLATE.bytes.length,
    time: '2026-01-02T03:04:05.678Z',
  };
  const textOf = (record: LedgerRecord): string => Buffer.from(encodeRecord(record)).toString('utf8');
  const published = textOf({ kind: 'manifest-published', ...common });
  const tagged = textOf({ kind: 'tag-set', ...common, tag: NUMBER });
  let digest = '';
  return (index) => {
    const push = Math.floor(index / RECORDS_PER_PUSH);
    const isFirst = index % RECORDS_PER_PUSH === 0;
    if (isFirst) {
      digest = createHash('sha256').update(manifestOf(push)).digest('hex');
      manifests.set(digest, push);
    }
    const repository = `public/app-${Math.floor(push / PUSHES_PER_REPOSITORY)}`;
    const text = (isFirst ? published : tagged)
      .replaceAll(DIGEST, digest)
      .replaceAll(REPOSITORY, repository)
      .replace(RECORD_ID, index.toString(16).padStart(RECORD_ID.length, '0'))
      .replace(NUMBER, numberText(push));
    return Buffer.from(text);
  };
}

const manifestText = Buffer.from(TEMPLATE.bytes).toString('utf8');

const manifestOf = (number: number): Buffer => Buffer.from(manifestText.replace(NUMBER, numberText(number)));

const numberText = (number: number): string => String(number).padStart(NUMBER.length, '0');

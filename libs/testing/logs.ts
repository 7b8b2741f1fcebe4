import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';

import { parseDigest } from '@dockchains/oci';
import { encodeRecord, type LedgerRecord, parseRecordId } from '@dockchains/records';
import {
  computeTile,
  createNoteSigner,
  encodeBundle,
  encodeProofFile,
  encodeVerifierKey,
  entriesPath,
  hashLeaf,
  parseOrigin,
  proveInclusion,
  rootFromTiles,
  signCheckpoint,
  type TileId,
  tilePath,
  tileRoot,
  TILE_WIDTH,
  tileWidth,
} from '@dockchains/tlog';

/** A whole log in memory, as a gateway would serve it. */
export type BuiltLog = {
  readonly origin: string;
  /** Log key of a policy, and what signs further checkpoints. */
  readonly verifierKey: string;
  readonly privateKey: KeyObject;
  readonly entries: readonly Uint8Array[];
  /** By path below the log's URL, the checkpoint included. */
  readonly files: Map<string, Buffer>;
  /** A C2SP tlog-policy that trusts the log alone. */
  readonly policy: string;
  /** A C2SP tlog-proof of an entry, which its extra line carries, unless something else is to stand there. */
  prove(index: number, extra?: Uint8Array): Promise<string>;
};

/** What to build: `size` tag-set records of one organisation, unless the entries are given. */
export type LogOptions = {
  readonly organisation?: string;
  readonly name?: 'public' | 'private';
  readonly size?: number;
  readonly entries?: readonly Uint8Array[];
  readonly privateKey?: KeyObject;
};

/** A record that `public/app:<number>` was set, all of it made from the number. */
export function tagSetRecord(
  number: number,
  organisation = 'acme.example',
): Extract<LedgerRecord, { kind: 'tag-set' }> {
  const hex = createHash('sha256').update(String(number)).digest('hex');
  return {
    kind: 'tag-set',
    organisation,
    digest: parseDigest(`sha256:${hex}`),
    recordId: parseRecordId(hex.slice(0, 32)),
    repository: 'public/app',
    tag: String(number),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 500,
    principal: 'p-publisher',
    time: '2026-01-01T00:00:00.000Z',
  };
}

/** Builds a log of one checkpoint. */
export async function buildLog({
  organisation = 'acme.example',
  name = 'public',
  size = 1,
  entries = Array.from({ length: size }, (_, number) => encodeRecord(tagSetRecord(number, organisation))),
  privateKey = generateKeyPairSync('ed25519').privateKey,
}: LogOptions = {}): Promise<BuiltLog> {
  const origin = parseOrigin(`${organisation}/ledger/${name}`);
  const treeSize = BigInt(entries.length);
  const files = new Map<string, Buffer>();
  for (let start = 0; start < entries.length; start += TILE_WIDTH) {
    const bundle = entries.slice(start, start + TILE_WIDTH);
    const id = { index: BigInt(start / TILE_WIDTH), width: bundle.length };
    files.set(entriesPath(id), Buffer.from(encodeBundle(bundle)));
  }
  buildTiles(files, entries.map(hashLeaf));

  const readTile = ({ level, index }: TileId) => {
    const stored = files.get(tilePath({ level, index, width: tileWidth(level, index, treeSize) }));
    return stored === undefined ? Promise.reject(new Error('no such tile')) : Promise.resolve(stored);
  };
  const signer = createNoteSigner({ name: origin, privateKey });
  const checkpoint = signCheckpoint(
    { origin, size: treeSize, root: await rootFromTiles(treeSize, readTile) },
    signer,
  );
  files.set('checkpoint', Buffer.from(checkpoint));
  const verifierKey = encodeVerifierKey(signer.verifierKey);

  return {
    origin,
    verifierKey,
    privateKey,
    entries,
    files,
    policy: `log ${verifierKey}\nquorum none\n`,
    prove: async (index, extra = entries[index]) => {
      if (extra === undefined) throw new Error(`The log has no entry ${index}.`);
      const hashes = await proveInclusion(BigInt(index), treeSize, readTile);
      return encodeProofFile({ extra, index: BigInt(index), hashes, checkpoint });
    },
  };
}

/** Flips one bit of a file of the log, counted from the most significant bit of the byte. */
export function flipBit(log: BuiltLog, path: string, { byte, bit }: { byte: number; bit: number }): void {
  const bytes = Buffer.from(log.files.get(path) ?? []);
  bytes.writeUInt8(bytes.readUInt8(byte) ^ (0x80 >> bit), byte);
  log.files.set(path, bytes);
}

function buildTiles(files: Map<string, Buffer>, leafHashes: readonly Uint8Array[]): void {
  let hashes = leafHashes;
  for (let level = 0; hashes.length > 0; level += 1) {
    const above: Uint8Array[] = [];
    for (let start = 0; start < hashes.length; start += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, hashes.length - start);
      const tile = computeTile(hashes.slice(start, start + width));
      files.set(tilePath({ level, index: BigInt(start / TILE_WIDTH), width }), Buffer.from(tile));
      if (width === TILE_WIDTH) above.push(tileRoot(tile));
    }
    hashes = above;
  }
}

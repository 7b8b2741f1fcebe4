import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { type BuiltLog, buildLog } from '@dockchains/testing';
import { encodeAddCheckpoint, proveConsistency, tilePath, tileWidth } from '@dockchains/tlog';

import { entriesOf } from '../../testing/replicas.ts';

/** A log in memory at any of its sizes. */
export interface GrowingLog {
  readonly privateKey: KeyObject;
  readonly origin: string;
  readonly verifierKey: string;
  at(size: number): Promise<BuiltLog>;
  note(size: number): Promise<string>;
  proof(oldSize: number, size: number): Promise<Uint8Array[]>;
  /** The body of add-checkpoint, with the right proof. */
  submission(oldSize: number, size: number): Promise<Buffer>;
}

/** Makes a log; two of one organisation, key and `history` are of one history. */
export async function makeGrowingLog({
  organisation = 'globex.example',
  privateKey = generateKeyPairSync('ed25519').privateKey,
  history = 'true',
  name = 'public',
}: {
  organisation?: string;
  privateKey?: KeyObject;
  history?: string;
  name?: 'public' | 'private';
} = {}): Promise<GrowingLog> {
  const at = (size: number): Promise<BuiltLog> =>
    buildLog({ organisation, privateKey, name, entries: entriesOf(organisation, size, history) });
  const { origin, verifierKey } = await at(0);
  const note = async (size: number): Promise<string> =>
    (await at(size)).files.get('checkpoint')?.toString() ?? '';
  const proof = async (oldSize: number, size: number): Promise<Uint8Array[]> => {
    if (oldSize === 0) return [];
    const { files } = await at(size);
    return proveConsistency(BigInt(oldSize), BigInt(size), ({ level, index }) => {
      const path = tilePath({ level, index, width: tileWidth(level, index, BigInt(size)) });
      return Promise.resolve(files.get(path) ?? new Uint8Array());
    });
  };
  const submission = async (oldSize: number, size: number): Promise<Buffer> =>
    Buffer.from(
      encodeAddCheckpoint({
        oldSize: BigInt(oldSize),
        proof: await proof(oldSize, size),
        note: await note(size),
      }),
    );
  return { privateKey, origin, verifierKey, at, note, proof, submission };
}

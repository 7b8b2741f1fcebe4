import { generateKeyPairSync } from 'node:crypto';

import type { Queryable } from '@dockchains/database';
import {
  COSIGNATURE_TYPE,
  createCosigner,
  createNoteSigner,
  createVerifierKey,
  encodePolicy,
  encodeVerifierKey,
  parseVerifierKey,
  type Policy,
  type VerifierKey,
} from '@dockchains/tlog';
import { describe, expect, test } from 'vitest';

import type { Peer } from '../peers/peers.ts';
import { peerOf } from '../testing/replicas.ts';
import { createPolicies } from './policies.ts';

const ORIGIN = 'acme.example/ledger/public';
const newKey = () => generateKeyPairSync('ed25519').privateKey;
const own = createNoteSigner({ name: ORIGIN, privateKey: newKey() }).verifierKey;

/** A peer that names keys of its own, or those of another. */
function makePeer(
  organisation: string,
  addedAt: number,
  { witness, mirror }: { witness?: VerifierKey; mirror?: VerifierKey } = {},
): Peer {
  const peer = peerOf(organisation, `http://${organisation}`, encodeVerifierKey(own));
  const keyOf = (role: string, given: VerifierKey | undefined): string => {
    const name = `${organisation}/${role}`;
    const { verifierKey } = createCosigner({ name, privateKey: newKey() });
    const publicKey = given?.publicKey ?? verifierKey.publicKey;
    return encodeVerifierKey(createVerifierKey(name, COSIGNATURE_TYPE, publicKey));
  };
  Object.assign(peer.descriptor.keys, {
    witness: keyOf('witness', witness),
    mirror: keyOf('mirror', mirror),
  });
  return { ...peer, addedAt: new Date(addedAt) };
}

const keysOf = ({ descriptor }: Peer) => ({
  witness: parseVerifierKey(descriptor.keys.witness),
  mirror: parseVerifierKey(descriptor.keys.mirror),
});

async function policyOf(peers: readonly Peer[]): Promise<Policy> {
  const names = peers.flatMap(({ organisation }) => [`${organisation}/witness`, `${organisation}/mirror`]);
  const database: Queryable = {
    query: <Row extends object>() => Promise.resolve(names.map((name) => ({ name }) as Row)),
  };
  const policies = createPolicies({
    ...{ database, logs: [{ key: own }], others: undefined },
    peers: { list: () => Promise.resolve(peers) },
  });
  return policies.publicationOf({ origin: ORIGIN, isPublic: true });
}

const namesOf = ({ witnesses }: Policy): readonly string[] => witnesses.map(({ name }) => name);

describe('N7: a key counts once, for the peer that named it first', () => {
  const globex = makePeer('globex.example', 1);
  const reused = createCosigner({ name: 'both.example/witness', privateKey: newKey() }).verifierKey;

  test.each([
    { name: 'a witness that names another’s witness', keys: { witness: keysOf(globex).witness } },
    { name: 'a witness that names another’s mirror', keys: { witness: keysOf(globex).mirror } },
    { name: 'a witness that names our log', keys: { witness: own } },
  ])('so that $name is none', async ({ keys }) => {
    const copier = makePeer('copier.example', 2, keys);
    const policy = await policyOf([copier, globex]);
    expect(namesOf(policy)).toEqual([
      'globex.example/witness',
      'copier.example/mirror',
      'globex.example/mirror',
    ]);
    expect(policy.groups.slice(0, 2).map(({ members }) => members)).toEqual([
      ['globex.example/witness'],
      ['copier.example/mirror', 'globex.example/mirror'],
    ]);
    // The file of it can be written: others’ policies would otherwise end with the copy.
    expect(() => encodePolicy(policy)).not.toThrow();
  });

  test('and who witnesses and mirrors by one key only witnesses', async () => {
    const both = makePeer('both.example', 2, { witness: reused, mirror: reused });
    expect(namesOf(await policyOf([both]))).toEqual(['both.example/witness']);
  });

  test('and keys that differ all count', async () => {
    const policy = await policyOf([globex, makePeer('initech.example', 2)]);
    expect(namesOf(policy)).toHaveLength(4);
  });
});

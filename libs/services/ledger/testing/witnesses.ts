import { generateKeyPairSync } from 'node:crypto';

import {
  cosign,
  type Cosigner,
  createCosigner,
  encodePolicy,
  parsePolicy,
  type Policy,
} from '@dockchains/tlog';

import type { Publication } from '../publish.ts';
import { fixtureVerifierKey } from './fixture.ts';

/** So many cosigners with keys of their own: `w0.example/witness` and on. */
export function makeWitnesses(count: number): Cosigner[] {
  return Array.from({ length: count }, (_, index) =>
    createCosigner({
      name: `w${index}.example/witness`,
      privateKey: generateKeyPairSync('ed25519').privateKey,
    }),
  );
}

/** A policy for the fixture's log by which `threshold` of the witnesses must have cosigned; 0 lets everything pass. */
export function policyOf(witnesses: readonly Cosigner[], threshold: number): Policy {
  const names = witnesses.map(({ name }) => name);
  const policy = {
    logs: [{ key: fixtureVerifierKey }],
    witnesses: witnesses.map(({ name, verifierKey }) => ({ name, key: verifierKey })),
    groups: threshold === 0 ? [] : [{ name: 'witnesses', threshold, members: names }],
    quorum: threshold === 0 ? 'none' : 'witnesses',
  };
  return parsePolicy(encodePolicy(policy));
}

/** Publication by a policy that the test may change as it goes; nobody is asked. */
export interface TestPublication extends Publication {
  current: Policy;
  witnessed: string[];
  /** Whether peers are said to hold what is published. */
  held: boolean;
  /** How often that was asked. */
  asked: number;
  announcements: number;
  /** Milliseconds that each published head waited. */
  readonly waits: number[];
}

/** Makes it. */
export function publicationBy(policy: Policy): TestPublication {
  const publication: TestPublication = {
    current: policy,
    witnessed: [],
    held: false,
    asked: 0,
    isHeld: () => {
      publication.asked += 1;
      return Promise.resolve(publication.held);
    },
    announcements: 0,
    waits: [],
    policy: () => Promise.resolve(publication.current),
    announce: () => {
      publication.announcements += 1;
    },
    observePublished: (waitedMs) => publication.waits.push(waitedMs),
    findWitnessed: () => Promise.resolve(publication.witnessed),
  };
  return publication;
}

/** The lines of cosignatures of a note by each of the cosigners. */
export function linesOf(
  note: string,
  cosigners: readonly Cosigner[],
  timestampSeconds = 1_800_000_000n,
): string[] {
  return cosigners.map((cosigner) => cosign(note, cosigner, timestampSeconds));
}

import { createHash } from 'node:crypto';

import { idBytes, lp, u64 } from './encoding.ts';
import { type Equality, proveEquality, verifyEquality } from './equality.ts';
import { EscrowError } from './errors.ts';
import { G, GBAR, parsePoint, parseScalar, type RandomBytes, randomScalar } from './group.ts';
import { openingEquality } from './opening.ts';

/** Shortest period of a scope, in seconds. */
const MIN_SCOPE_SECONDS = 3600;

/** Bytes of a repository's salt in a scope. */
export const REPO_SALT_BYTES = 32;

/** What a scope's label binds, apart from its repository. */
export type ScopeTerms = {
  /** Of the ledger that the scope's records stand in. */
  readonly origin: string;
  /** 16 random bytes in lowercase hex. */
  readonly scopeId: string;
  /** 32 bytes. */
  readonly panelId: Uint8Array;
  /** Y: the point that the scope is encapsulated to, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** POSIX seconds; the scope is of the time from `from` until before `to`, an hour at least. */
  readonly from: number;
  readonly to: number;
};

/** What the record of a scope's opening says of its key: points of 32 bytes, a proof of 64. */
export type Encapsulation = {
  /** SHA-256 of repository and salt under the scope's id. */
  readonly repoCommit: Uint8Array;
  readonly R: Uint8Array;
  readonly Rbar: Uint8Array;
  /** TDH2's proof that whoever wrote R knew its logarithm, under this label. */
  readonly pi: Uint8Array;
};

/** A new scope: what is published, its label (32 bytes), and the secret `opening` (96 bytes), D with its proof. */
export type MadeScope = Encapsulation & { readonly label: Uint8Array; readonly opening: Uint8Array };

/** `repoCommit` of escrow.md: which repository a scope is of, 32 bytes, for those alone who hold the 32 bytes of salt. @throws EscrowError BAD_SCOPE */
export function commitRepository(scopeId: string, repository: string, repoSalt: Uint8Array): Uint8Array {
  if (repoSalt.length !== REPO_SALT_BYTES) {
    throw new EscrowError('BAD_SCOPE', `A repository's salt has ${REPO_SALT_BYTES} bytes.`);
  }
  return sha256(lp('dockchains/v1/repo'), lp(idBytes(scopeId)), lp(repository), lp(repoSalt));
}

/** The scope's label, 32 bytes: what its key, its records and its proofs are bound to. @throws EscrowError BAD_SCOPE, BAD_POINT */
export function scopeLabel(terms: ScopeTerms, repoCommit: Uint8Array): Uint8Array {
  const { origin, scopeId, panelId, publicKey, from, to } = terms;
  if (to - from < MIN_SCOPE_SECONDS) {
    throw new EscrowError('BAD_SCOPE', `A scope is of ${MIN_SCOPE_SECONDS} seconds at least.`);
  }
  if (panelId.length !== 32 || repoCommit.length !== 32) {
    throw new EscrowError('BAD_SCOPE', "A scope's panel id and repository commitment have 32 bytes each.");
  }
  parsePoint(publicKey);
  return sha256(
    lp('dockchains/v1/scope'),
    lp(origin),
    lp(idBytes(scopeId)),
    lp(panelId),
    lp(publicKey),
    lp(repoCommit),
    lp(u64(from)),
    lp(u64(to)),
  );
}

/**
 * Encapsulates a new key to `publicKey` (escrow.md, Scope). The encapsulation's own secret is erased before this returns: what opens
 * the scope is `opening`, and the secret key of `publicKey`.
 * @throws EscrowError BAD_SCOPE, BAD_POINT
 */
export function makeScope(
  { repository, repoSalt, ...terms }: ScopeTerms & { repository: string; repoSalt: Uint8Array },
  random: RandomBytes,
): MadeScope {
  const repoCommit = commitRepository(terms.scopeId, repository, repoSalt);
  const label = scopeLabel(terms, repoCommit);
  const Y = parsePoint(terms.publicKey);

  const secret = randomScalar(random);
  try {
    const r = parseScalar(secret);
    const [R, Rbar, D] = [G.multiply(r), GBAR.multiply(r), Y.multiply(r)];
    const pi = proveEquality(encapsulationEquality(label, R.toBytes(), Rbar.toBytes()), secret, random);
    const dleq = proveEquality(
      openingEquality({ label, R: R.toBytes(), publicKey: terms.publicKey }, D.toBytes()),
      secret,
      random,
    );
    const opening = Buffer.concat([D.toBytes(), dleq]);
    return { label, repoCommit, R: R.toBytes(), Rbar: Rbar.toBytes(), pi, opening };
  } finally {
    secret.fill(0);
  }
}

/**
 * Checks a scope's points and its proof, and gives its label, 32 bytes. That no other scope of the origin has the same R is for the
 * caller to check: this sees one scope.
 * @throws EscrowError BAD_SCOPE, BAD_POINT, BAD_SCALAR, BAD_PROOF
 */
export function verifyScope(terms: ScopeTerms, { repoCommit, R, Rbar, pi }: Encapsulation): Uint8Array {
  const label = scopeLabel(terms, repoCommit);
  verifyEquality(encapsulationEquality(label, R, Rbar), pi);
  return label;
}

/** TDH2's proof, with its order of points (Shoup and Gennaro 1998). */
function encapsulationEquality(label: Uint8Array, R: Uint8Array, Rbar: Uint8Array): Equality {
  return {
    bases: [G, GBAR],
    points: [parsePoint(R), parsePoint(Rbar)],
    transcript: Buffer.concat([lp('dockchains/v1/tdh2'), lp(label), G.toBytes(), GBAR.toBytes(), R, Rbar]),
  };
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

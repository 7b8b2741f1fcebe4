import { encodeRecord, type LedgerRecord } from '@dockchains/records';
import { parseDigest, parseRepositoryName, parseTag } from '@dockchains/oci';
import { type BuiltLog, buildLog, sealExample, tagSetRecord } from '@dockchains/testing';
import { cosign, createCosigner, encodeVerifierKey, parsePolicy, parseProofFile } from '@dockchains/tlog';
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';

import { type EvidenceSubject, MAX_EVIDENCE_BYTES, verifyEvidence } from './evidence.ts';

const INDEX = 5;

let log: BuiltLog;
let bundle: string;

beforeAll(async () => {
  log = await buildLog({ size: 9 });
  bundle = await log.prove(INDEX);
});

function subject(changes: Partial<EvidenceSubject> = {}): EvidenceSubject {
  return {
    organisation: 'acme.example',
    repository: parseRepositoryName('public/app'),
    tag: parseTag(String(INDEX)),
    digest: undefined,
    ...changes,
  };
}

function verify(source: string | Uint8Array, changes: Partial<EvidenceSubject> = {}, policy = log.policy) {
  return verifyEvidence(source, { policy: parsePolicy(policy), subject: subject(changes) });
}

const FAILED = expect.objectContaining({ code: 'VERIFICATION_FAILED' }) as Error;

test('proves what the record says, and no more', () => {
  const { digest } = tagSetRecord(INDEX);
  expect(verify(bundle)).toMatchObject({
    index: BigInt(INDEX),
    record: { digest, kind: 'tag-set' },
    logKey: log.verifierKey,
    statement: `acme.example recorded at index 5 that principal p-publisher set public/app:5 to ${digest}; later moves are not excluded`,
  });
});

test('a tag that was set to a digest vouches for the digest', () => {
  const { digest } = tagSetRecord(INDEX);
  expect(verify(bundle, { tag: undefined, digest }).record.digest).toBe(digest);
  expect(verify(bundle, { digest }).record.digest).toBe(digest);
});

test('no flipped bit of the file verifies', () => {
  const pristine = Buffer.from(bundle);
  const passed: number[] = [];
  for (let bit = 0; bit < pristine.length * 8; bit += 1) {
    const flipped = Buffer.from(pristine);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    try {
      verify(flipped);
      passed.push(bit);
    } catch (error) {
      expect(error).toMatchObject({ code: 'VERIFICATION_FAILED' });
    }
  }
  expect(passed).toEqual([]);
});

test('no beginning of the file verifies', () => {
  for (let length = 0; length < bundle.length; length += 1) {
    expect(() => verify(bundle.slice(0, length))).toThrow(FAILED);
  }
});

describe('is refused', () => {
  test.each<{ name: string; changes: () => Partial<EvidenceSubject> }>([
    { name: 'another organisation', changes: () => ({ organisation: 'globex.example' }) },
    { name: 'another repository', changes: () => ({ repository: parseRepositoryName('public/other') }) },
    { name: 'another tag', changes: () => ({ tag: parseTag('6') }) },
    { name: 'another digest', changes: () => ({ digest: parseDigest(`sha256:${'00'.repeat(32)}`) }) },
    {
      name: 'a digest alone that is another',
      changes: () => ({ tag: undefined, digest: parseDigest(`sha256:${'00'.repeat(32)}`) }),
    },
  ])('for $name', ({ changes }) => {
    expect(() => verify(bundle, changes())).toThrow(FAILED);
  });

  test('under a policy that trusts another key for the log', async () => {
    const other = await buildLog({ size: 9 });
    expect(() => verify(bundle, {}, other.policy)).toThrow(FAILED);
  });

  test('when the entry is of another index', async () => {
    const other = parseProofFile(await log.prove(INDEX + 1));
    const swapped = bundle.replace(
      /^extra .*$/m,
      `extra ${Buffer.from(other.extra ?? []).toString('base64')}`,
    );
    expect(() => verify(swapped, { tag: parseTag(String(INDEX + 1)) })).toThrow(FAILED);
  });

  test('without its entry', () => {
    expect(() => verify(bundle.replace(/^extra .*\n/m, ''))).toThrow(FAILED);
  });

  test('when it is longer than is read', () => {
    expect(() => verify(`${bundle}${'\n'.repeat(MAX_EVIDENCE_BYTES)}`)).toThrow(FAILED);
  });

  test('when a ledger speaks for another organisation', async () => {
    const foreign = await buildLog({ entries: [encodeRecord(tagSetRecord(1, 'globex.example'))] });
    const proof = await foreign.prove(0);
    const changes = { organisation: 'globex.example', tag: parseTag('1') };
    expect(() => verify(proof, changes, foreign.policy)).toThrow(FAILED);
  });

  test('for a tag whose deletion it proves', async () => {
    const { digest, organisation, recordId, repository, time } = tagSetRecord(1);
    const deleted: LedgerRecord = {
      kind: 'tag-deleted',
      digest,
      organisation,
      recordId,
      repository,
      time,
      tag: '1',
    };
    const gone = await buildLog({ entries: [encodeRecord(deleted)] });
    const proof = await gone.prove(0);
    expect(() => verify(proof, { tag: parseTag('1') }, gone.policy)).toThrow(FAILED);
  });
});

describe('of a sealed record', () => {
  const record = { ...tagSetRecord(1), repository: parseRepositoryName('team/app') };
  const changes = { repository: record.repository, tag: parseTag('1') };
  const sealed = sealExample(record);
  const another = sealExample({ ...record, tag: '2' });
  let ledger: BuiltLog;
  let proof: string;

  beforeAll(async () => {
    ledger = await buildLog({ name: 'private', entries: [another.entry, sealed.entry] });
    proof = await ledger.prove(1, sealed.disclosure);
  });

  test('proves what its disclosure shows, and says that it rests on one', () => {
    expect(verify(proof, changes, ledger.policy)).toMatchObject({
      index: 1n,
      record: { digest: record.digest, repository: 'team/app' },
      statement: `acme.example recorded at index 1 that principal p-publisher set team/app:1 to ${record.digest}; later moves are not excluded`,
      disclosure: 'committed, and disclosed by the owner; the escrowed copy was not shown',
    });
  });

  test('is refused without the disclosure', async () => {
    const bare = await ledger.prove(1);
    expect(() => verify(bare, changes, ledger.policy)).toThrow(FAILED);
  });

  test('is refused with the disclosure of another index', async () => {
    const swapped = await ledger.prove(0, sealed.disclosure);
    expect(() => verify(swapped, changes, ledger.policy)).toThrow(FAILED);
  });

  test('is refused under a policy that trusts the public ledger alone', () => {
    expect(() => verify(proof, changes)).toThrow(FAILED);
  });

  test('is refused for another tag than the disclosed one', () => {
    expect(() => verify(proof, { ...changes, tag: parseTag('2') }, ledger.policy)).toThrow(FAILED);
  });

  test('no flipped bit of the file verifies', () => {
    const pristine = Buffer.from(proof);
    const passed: number[] = [];
    for (let bit = 0; bit < pristine.length * 8; bit += 3) {
      const flipped = Buffer.from(pristine);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      try {
        verify(flipped, changes, ledger.policy);
        passed.push(bit);
      } catch (error) {
        expect(error).toMatchObject({ code: 'VERIFICATION_FAILED' });
      }
    }
    expect(passed).toEqual([]);
  });
});

describe('with a witness that the quorum asks for', () => {
  const witness = createCosigner({
    name: 'globex.example/witness',
    privateKey: generateKeyPairSync('ed25519').privateKey,
  });
  const policy = () =>
    `log ${log.verifierKey}\nwitness globex ${encodeVerifierKey(witness.verifierKey)}\nquorum globex\n`;

  test('says that it cosigned', () => {
    const { checkpoint } = parseProofFile(bundle);
    const cosigned = bundle.replace(checkpoint, checkpoint + cosign(checkpoint, witness, 1_800_000_000n));
    expect(verify(cosigned, {}, policy()).witnesses).toEqual([{ name: 'globex', timestamp: 1_800_000_000n }]);
  });

  test('is refused without its cosignature', () => {
    expect(() => verify(bundle, {}, policy())).toThrow(FAILED);
  });
});

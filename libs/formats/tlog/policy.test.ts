import { expect, test } from 'vitest';

import {
  addSignatures,
  checkPolicy,
  cosign,
  createCosigner,
  createNoteSigner,
  encodeCheckpoint,
  encodeNote,
  NO_QUORUM,
  parseNote,
  parseOrigin,
  type Policy,
  signCheckpoint,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

const origin = parseOrigin('acme.example/ledger/public');
const checkpoint = { origin, size: 7n, root: Buffer.alloc(32, 5) };
const log = createNoteSigner({ name: origin, privateKey: privateKeyOf(1) });
const cosigners = ['x1', 'x2', 'x3', 'y1', 'y2'].map((name, i) => ({
  name,
  cosigner: createCosigner({ name: `${name}.example/witness`, privateKey: privateKeyOf(10 + i) }),
}));

const policy: Policy = {
  logs: [{ key: log.verifierKey }],
  witnesses: cosigners.map(({ name, cosigner }) => ({ name, key: cosigner.verifierKey })),
  groups: [
    { name: 'x', threshold: 2, members: ['x1', 'x2', 'x3'] },
    { name: 'y', threshold: 1, members: ['y1', 'y2'] },
    { name: 'x-and-y', threshold: 2, members: ['x', 'y'] },
  ],
  quorum: 'x-and-y',
};
const signed = signCheckpoint(checkpoint, log);

function cosignedBy(names: readonly string[], note = signed): string {
  const lines = cosigners
    .filter(({ name }) => names.includes(name))
    .map(({ cosigner }, i) => cosign(note, cosigner, 1000n + BigInt(i)));
  return addSignatures(note, lines);
}

test.each([{ by: ['x1', 'x2', 'y1'] }, { by: ['x1', 'x3', 'y2'] }, { by: ['x1', 'x2', 'x3', 'y1', 'y2'] }])(
  'accepts what $by cosigned',
  ({ by }) => {
    const accepted = checkPolicy(parseNote(cosignedBy(by)), policy, origin);
    expect(accepted.logKey).toBe(log.verifierKey);
    expect(accepted.checkpoint).toEqual(checkpoint);
    expect(accepted.witnesses).toEqual(by.map((name, i) => ({ name, timestamp: 1000n + BigInt(i) })));
  },
);

test.each([{ by: [] }, { by: ['y1'] }, { by: ['x1', 'y1', 'y2'] }, { by: ['x1', 'x2', 'x3'] }])(
  'does not accept what $by cosigned',
  ({ by }) => {
    expect(() => checkPolicy(parseNote(cosignedBy(by)), policy, origin)).toThrow(refused('QUORUM_NOT_MET'));
  },
);

test('accepts the log alone where no quorum is asked for, and says who else cosigned', () => {
  const alone = { ...policy, quorum: NO_QUORUM };
  expect(checkPolicy(parseNote(signed), alone, origin).witnesses).toEqual([]);
  expect(checkPolicy(parseNote(cosignedBy(['y2'])), alone, origin).witnesses).toEqual([
    { name: 'y2', timestamp: 1000n },
  ]);
});

test('counts a witness once, at its latest time', () => {
  const [first] = cosigners;
  const lines = [5n, 9n, 7n].map((time) => first?.cosigner.sign(parseNote(signed).text, time) ?? '');
  const single = { ...policy, quorum: 'x1' };
  const note = parseNote(addSignatures(signed, lines));
  expect(checkPolicy(note, single, origin).witnesses).toEqual([{ name: 'x1', timestamp: 9n }]);
  expect(() => checkPolicy(note, { ...policy, quorum: 'x' }, origin)).toThrow(refused('QUORUM_NOT_MET'));
});

test('N1: refuses a quorum of witnesses without the log', () => {
  const { text, signatures } = parseNote(cosignedBy(['x1', 'x2', 'y1']));
  const witnessesAlone = encodeNote(
    text,
    signatures.slice(1).map(({ line }) => line),
  );
  expect(() => checkPolicy(parseNote(witnessesAlone), policy, origin)).toThrow(refused('UNKNOWN_SIGNER'));
});

test('refuses a log that the policy does not list', () => {
  const impostor = createNoteSigner({ name: origin, privateKey: privateKeyOf(99) });
  const forged = cosignedBy(['x1', 'x2', 'y1'], signCheckpoint(checkpoint, impostor));
  expect(() => checkPolicy(parseNote(forged), policy, origin)).toThrow(refused('UNKNOWN_SIGNER'));
});

test('a log that the policy lists speaks for itself alone', () => {
  const other = createNoteSigner({ name: 'globex.example/ledger/public', privateKey: privateKeyOf(2) });
  const both = { ...policy, logs: [{ key: log.verifierKey }, { key: other.verifierKey }], quorum: NO_QUORUM };
  const text = encodeCheckpoint(checkpoint);
  const foreign = parseNote(encodeNote(text, [other.sign(text)]));
  expect(() => checkPolicy(foreign, both, origin)).toThrow(refused('UNKNOWN_SIGNER'));
  expect(() => checkPolicy(foreign, both, parseOrigin(other.name))).toThrow(refused('BAD_ORIGIN'));
});

test('N9: does not count a cosignature of another checkpoint, and refuses the note that has it', () => {
  const later = signCheckpoint({ ...checkpoint, size: 8n }, log);
  const lines = parseNote(cosignedBy(['x1', 'x2', 'y1']))
    .signatures.slice(1)
    .map(({ line }) => line);
  const note = parseNote(addSignatures(later, lines));
  expect(() => checkPolicy(note, policy, origin)).toThrow(refused('BAD_SIGNATURE'));
});

test('N6: refuses extension lines', () => {
  const text = encodeCheckpoint({ ...checkpoint, extensions: ['more'] });
  const note = parseNote(encodeNote(text, [log.sign(text)]));
  expect(() => checkPolicy(note, { ...policy, quorum: NO_QUORUM }, origin)).toThrow(
    refused('BAD_CHECKPOINT'),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  createCosigner,
  createNoteSigner,
  encodePolicy,
  encodeVerifierKey,
  parsePolicy,
  type Policy,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

const logKey = (byte: number, name = 'acme.example/ledger/public'): string =>
  encodeVerifierKey(createNoteSigner({ name, privateKey: privateKeyOf(byte) }).verifierKey);
const witnessKey = (byte: number, name = `w${byte}.example/witness`): string =>
  encodeVerifierKey(createCosigner({ name, privateKey: privateKeyOf(byte) }).verifierKey);

const EXAMPLE = `# arbitrators of the federation
log ${logKey(1)} https://acme.example/log/public/

witness X1 ${witnessKey(11)}
witness X2 ${witnessKey(12)} https://w12.example/
witness X3 ${witnessKey(13)}
\tgroup  X-witnesses\t2 X1 X2 X3${' '}
witness Y1 ${witnessKey(21)}
witness Y2 ${witnessKey(22)}
group Y-witnesses any Y1 Y2
 # both organisations
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

test('reads a policy with groups of groups', () => {
  const { logs, witnesses, groups, quorum } = parsePolicy(EXAMPLE);
  expect(logs.map(({ key, url }) => ({ name: key.name, url }))).toEqual([
    { name: 'acme.example/ledger/public', url: 'https://acme.example/log/public/' },
  ]);
  expect(witnesses.map(({ name, url }) => [name, url])).toEqual([
    ['X1', undefined],
    ['X2', 'https://w12.example/'],
    ['X3', undefined],
    ['Y1', undefined],
    ['Y2', undefined],
  ]);
  expect(groups).toEqual([
    { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
    { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2'] },
    { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
  ]);
  expect(quorum).toBe('X-and-Y');
  expect(parsePolicy(Buffer.from(EXAMPLE))).toEqual(parsePolicy(EXAMPLE));
});

test('writes a policy that reads the same', () => {
  const policy = parsePolicy(EXAMPLE);
  expect(parsePolicy(encodePolicy(policy))).toEqual(policy);
});

test('takes the least policy, and one without its last newline', () => {
  expect(parsePolicy('quorum none\n')).toEqual({ logs: [], witnesses: [], groups: [], quorum: 'none' });
  expect(parsePolicy('quorum none').quorum).toBe('none');
});

test('keeps names beyond ASCII apart that only look alike', () => {
  const text = `witness K ${witnessKey(1)}\nwitness \u212a ${witnessKey(2)}\ngroup g 2 K \u212a\nquorum g\n`;
  expect(parsePolicy(text).witnesses.map(({ name }) => name)).toEqual(['K', '\u212a']);
});

test('takes 32 logs, 32 witnesses and 32 groups', () => {
  const lines = Array.from({ length: 32 }, (_, i) => [
    `log ${logKey(100 + i, `log${i}`)}`,
    `witness w${i} ${witnessKey(140 + i)}`,
    `group g${i} all w${i}`,
  ]).flat();
  expect(parsePolicy(`${lines.join('\n')}\nquorum g31\n`).groups).toHaveLength(32);
});

const W1 = `witness w1 ${witnessKey(1)}\n`;
const W2 = `witness w2 ${witnessKey(2)}\n`;

test.each([
  { name: 'nothing in it', text: '' },
  { name: 'no quorum', text: W1 },
  { name: 'two quorums', text: `${W1}quorum w1\nquorum w1\n` },
  { name: 'a quorum without a name', text: 'quorum\n' },
  { name: 'a quorum of two names', text: `${W1}${W2}quorum w1 w2\n` },
  { name: 'a quorum that is not defined', text: `${W1}quorum w2\n` },
  { name: 'a quorum before its definition', text: `quorum w1\n${W1}` },
  { name: 'an unknown line', text: 'wittness w1\nquorum none\n' },
  { name: 'a log without a key', text: 'log\nquorum none\n' },
  { name: 'a log with a word too many', text: `log ${logKey(1)} https://a.example/ b\nquorum none\n` },
  { name: 'a log with a broken key', text: `log ${logKey(1).slice(0, -4)}\nquorum none\n` },
  { name: 'a log with a key for cosignatures', text: `log ${witnessKey(1)}\nquorum none\n` },
  { name: 'a witness with a key of a log', text: `witness w ${logKey(1)}\nquorum w\n` },
  { name: 'a witness without a key', text: 'witness w\nquorum none\n' },
  {
    name: 'a witness with a word too many',
    text: `witness w ${witnessKey(1)} https://a.example/ b\nquorum w\n`,
  },
  { name: 'one log key twice', text: `log ${logKey(1)}\nlog ${logKey(1, 'b.example')}\nquorum none\n` },
  { name: 'one witness key under two names', text: `${W1}witness w2 ${witnessKey(1, 'other')}\nquorum w1\n` },
  { name: 'N7: a log key that is a witness key', text: `log ${logKey(1)}\n${W1}quorum w1\n` },
  { name: 'one name twice', text: `${W1}witness w1 ${witnessKey(2)}\nquorum w1\n` },
  { name: 'a witness named none', text: `witness none ${witnessKey(1)}\nquorum none\n` },
  { name: 'a group named none', text: `${W1}group none all w1\nquorum none\n` },
  { name: 'a group with the name of a witness', text: `${W1}group w1 all w1\nquorum w1\n` },
  { name: 'a group without members', text: `${W1}group g all\nquorum w1\n` },
  { name: 'a group of what is not defined', text: `${W1}group g all w1 w2\nquorum g\n` },
  { name: 'a group of itself', text: `${W1}group g any w1 g\nquorum g\n` },
  { name: 'a group of none', text: `${W1}group g any w1 none\nquorum g\n` },
  { name: 'one member twice', text: `${W1}group g 2 w1 w1\nquorum g\n` },
  { name: 'one member in two groups', text: `${W1}group g any w1\ngroup h any w1\nquorum g\n` },
  { name: 'a threshold of 0', text: `${W1}group g 0 w1\nquorum g\n` },
  { name: 'a threshold over the members', text: `${W1}group g 2 w1\nquorum g\n` },
  { name: 'a threshold with a leading zero', text: `${W1}group g 01 w1\nquorum g\n` },
  { name: 'a threshold that is a word', text: `${W1}group g most w1\nquorum g\n` },
  { name: 'a carriage return', text: 'quorum none\r\n' },
  { name: 'a form feed', text: 'quorum\fnone\n' },
  { name: 'a DEL in a comment', text: '# \x7f\nquorum none\n' },
  { name: 'more than 256 KiB', text: `${'#'.repeat(262_144)}\nquorum none\n` },
])('refuses a policy with $name', ({ text }) => {
  expect(() => parsePolicy(text)).toThrow(refused('BAD_POLICY'));
});

test('says which line is wrong, and why', () => {
  expect(() => parsePolicy(`${W1}\nlog broken\nquorum w1\n`)).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('Line 3 ') as string,
      cause: refused('BAD_KEY'),
    }),
  );
});

test('refuses a policy that is no UTF-8', () => {
  expect(() => parsePolicy(Uint8Array.of(0x23, 0xff, 0x0a))).toThrow(refused('BAD_POLICY'));
});

const none: Policy = { logs: [], witnesses: [], groups: [], quorum: 'none' };
const { verifierKey } = createCosigner({ name: 'w', privateKey: privateKeyOf(1) });

test.each([
  { name: 'an undefined quorum', policy: { ...none, quorum: 'w' } },
  { name: 'a name with a space', policy: { ...none, witnesses: [{ name: 'a b', key: verifierKey }] } },
  { name: 'a name that opens a line', policy: { ...none, quorum: 'none\nlog' } },
  {
    name: 'a threshold over the members',
    policy: { ...none, groups: [{ name: 'g', threshold: 2, members: [] }] },
  },
])('does not write a policy with $name', ({ policy }) => {
  expect(() => encodePolicy(policy)).toThrow(refused('BAD_POLICY'));
});

test('reads every threshold policy that it writes', () => {
  const shape = fc
    .integer({ min: 1, max: 12 })
    .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n })));
  fc.assert(
    fc.property(shape, ([count, threshold]) => {
      const witnesses = Array.from({ length: count }, (_, i) => ({
        name: `w${i}`,
        key: createCosigner({ name: `w${i}.example`, privateKey: privateKeyOf(i) }).verifierKey,
      }));
      const groups = [{ name: 'all-of-us', threshold, members: witnesses.map(({ name }) => name) }];
      const policy = { logs: [], witnesses, groups, quorum: 'all-of-us' };
      expect(parsePolicy(encodePolicy(policy))).toEqual(policy);
    }),
    { numRuns: 30 },
  );
});

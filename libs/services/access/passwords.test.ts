import { expect, test } from 'vitest';

import { createPasswords } from './passwords.ts';

const PASSWORD = 'correct horse battery';

test('a hash names its parameters, is salted, and matches its password alone', async () => {
  const passwords = createPasswords();
  const [first, second] = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)]);
  expect(first).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$/);
  expect(first).not.toBe(second);
  expect(first).not.toContain(PASSWORD);
  expect(await passwords.matches(PASSWORD, first)).toBe(true);
  expect(await passwords.matches(`${PASSWORD} `, first)).toBe(false);
  expect(await passwords.matches(PASSWORD, undefined)).toBe(false);
});

test('a hash of other parameters is read by its own', async () => {
  // RFC 7914's function with N = 2^11, r = 8, p = 1, by Python's hashlib.scrypt.
  const stored = `$scrypt$ln=11,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$C2fw4XRT0Wbv+mYvLxRh+trmboVWtpz17vlHKP8b5Vg`;
  expect(await createPasswords().matches(PASSWORD, stored)).toBe(true);
});

test('composed and decomposed characters are one password', async () => {
  const passwords = createPasswords();
  expect(await passwords.matches('gru\u0308n-gru\u0308n', await passwords.hash('gr\u00fcn-gr\u00fcn'))).toBe(
    true,
  );
});

test('a stored hash that cannot be read is a fault and no refusal', async () => {
  await expect(createPasswords().matches(PASSWORD, '$scrypt$ln=30,r=8,p=1$x$y')).rejects.toThrow(
    'set the password',
  );
});

test('more than run and wait at once are turned away, and the rest are served', async () => {
  const passwords = createPasswords({ running: 1, waiting: 2 });
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.hash(PASSWORD)));
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
  ]);
  expect(outcomes[4]).toMatchObject({ reason: { code: 'TOO_MANY' } });
  await expect(passwords.hash(PASSWORD)).resolves.toBeTypeOf('string');
});

import { z } from 'zod';

import type { Accounts } from './accounts.ts';
import { AccessError } from './errors.ts';
import { parsePassword, parsePolicy, parseUsername } from './input.ts';
import { parsePattern } from './glob.ts';
import { type Namespaces, parseKept } from './namespaces.ts';

const MAX_SEEDED = 1000;

const seedSchema = z.strictObject({
  accounts: z
    .array(
      z.strictObject({
        username: z.string().transform(parseUsername),
        password: z.string().transform(parsePassword),
        policies: z.array(
          z.strictObject({ pattern: z.string(), actions: z.array(z.string()) }).transform(parsePolicy),
        ),
      }),
    )
    .max(MAX_SEEDED)
    .default([]),
  namespaces: z
    .array(
      z.strictObject({
        pattern: z.string().transform(parsePattern),
        visibility: z.string().transform(parseKept),
      }),
    )
    .max(MAX_SEEDED)
    .default([]),
});

/**
 * Adds what is missing: `{"accounts":[{"username","password","policies":[{"pattern","actions"}]}],
 * "namespaces":[{"pattern","visibility"}]}`. Accounts that exist keep their passwords and policies, so that a seed can
 * be sown at every start. Nothing is written before all of it has been read.
 * @throws AccessError INVALID_INPUT
 */
export async function sow(access: Accounts & Namespaces, input: unknown): Promise<void> {
  const parsed = seedSchema.safeParse(input);
  if (!parsed.success) {
    // Paths and no values: there are passwords among them.
    const places = parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'the whole'} (${code})`);
    throw new AccessError('INVALID_INPUT', `The seed has mistakes at ${places.join(', ')}.`);
  }
  for (const account of parsed.data.accounts) {
    // Looked up first, because hashing a password for nothing takes a tenth of a second.
    if ((await access.findAccount(account.username)) !== undefined) continue;
    // Another gateway may be sowing the same.
    await access.createAccount(account).catch((error: unknown) => {
      if (!(error instanceof AccessError && error.code === 'ACCOUNT_EXISTS')) throw error;
    });
  }
  for (const { pattern, visibility } of parsed.data.namespaces) {
    await access.setNamespaceRule(pattern, visibility);
  }
}

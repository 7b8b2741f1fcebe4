import { createAccess } from '@dockchains/access';
import { migrate, openDatabase } from '@dockchains/database';
import { openKey } from '@dockchains/keys';

import type { Config } from './config.ts';
import { readBody } from './read-body.ts';

const MAX_SEED_BYTES = 1 << 20;

/**
 * Reads `{"accounts": […], "namespaces": […]}` from standard input and makes it so; again is no harm.
 * @throws SyntaxError if it is no JSON; AccessError INVALID_INPUT; OciError SIZE_INVALID over 1 MiB
 */
export async function seed({
  databaseUrl,
  keysDirectory,
  organisation,
  publicUrl = '',
}: Config): Promise<void> {
  const input: unknown = JSON.parse((await readBody(process.stdin, MAX_SEED_BYTES)).toString('utf8'));
  await migrate(databaseUrl);
  const tokenKey = await openKey(keysDirectory, 'token');
  const database = openDatabase(databaseUrl);
  try {
    await createAccess({ database, tokenKey, organisation, clock: () => new Date(), publicUrl }).seed(input);
  } finally {
    await database.close();
  }
}

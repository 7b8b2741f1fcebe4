import type { Statement } from '@dockchains/database';

import type { RegistryDeps } from './deps.ts';
import { lockKey } from './upload-calls.ts';
import { UPLOAD_LIFETIME_MS } from './uploads.ts';

const BATCH = 1000;

const LIST_EXPIRED: Statement = {
  name: 'registry_list_expired_uploads',
  text: `SELECT id FROM upload WHERE expires_at <= $1 ORDER BY expires_at LIMIT ${BATCH}`,
};
const DELETE_EXPIRED: Statement = {
  name: 'registry_delete_expired_upload',
  text: 'DELETE FROM upload WHERE id = $1 AND expires_at <= $2 RETURNING id',
};
const LIST_KNOWN: Statement = {
  name: 'registry_list_known_uploads',
  text: 'SELECT id FROM upload WHERE id = ANY($1)',
};

/**
 * Drops upload sessions that have expired, and files that have had no session for as long; gives how many. Sessions that
 * a request is at are left for the next sweep.
 */
export async function sweepUploads(deps: RegistryDeps): Promise<number> {
  return (await sweepSessions(deps)) + (await sweepFiles(deps));
}

/** Page behind page: whatever is left behind would wait with all that comes meanwhile. */
async function sweepSessions(deps: RegistryDeps): Promise<number> {
  let swept = 0;
  for (let page = await sweepPage(deps); page > 0; page = await sweepPage(deps)) swept += page;
  return swept;
}

async function sweepPage({ database, blobs, clock }: RegistryDeps): Promise<number> {
  const now = clock();
  let swept = 0;
  for (const { id } of await database.query<{ id: string }>(LIST_EXPIRED, [now])) {
    const lock = await database.tryLock(lockKey(id));
    if (lock === undefined) continue;
    try {
      const deleted = await database.query(DELETE_EXPIRED, [id, now]);
      if (deleted.length > 0) await blobs.cancelUpload(id);
      swept += deleted.length;
    } finally {
      await lock.release();
    }
  }
  return swept;
}

async function sweepFiles({ database, blobs, clock }: RegistryDeps): Promise<number> {
  const before = clock().getTime() - UPLOAD_LIFETIME_MS;
  const old = (await blobs.listUploads()).filter(({ modified }) => modified.getTime() < before);
  let swept = 0;
  for (let start = 0; start < old.length; start += BATCH) {
    const ids = old.slice(start, start + BATCH).map(({ id }) => id);
    const known = new Set((await database.query<{ id: string }>(LIST_KNOWN, [ids])).map(({ id }) => id));
    for (const id of ids) if (!known.has(id) && (await blobs.cancelUpload(id))) swept += 1;
  }
  return swept;
}

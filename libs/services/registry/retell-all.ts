import type { Database, Statement } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import type { RepositoryName } from '@dockchains/oci';

import { IS_MIRROR } from './readable.ts';
import { newRecordId } from './record-id.ts';
import { recordManifests, recordTags } from './retell-repository.ts';

/** What putting repositories on record anew needs. */
export interface RetellDeps {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly organisation: string;
  readonly clock: () => Date;
  readonly randomBytes: (bytes: number) => Buffer;
}

// Those of which something stands in no record of the ledger.
const NEXT: Statement = {
  name: 'registry_retell_next',
  text: `WITH own AS (SELECT id FROM ledger WHERE origin = $1)
         SELECT r.id, r.name FROM repository r
         WHERE r.visibility = 'public' AND NOT ${IS_MIRROR} AND r.id > $2
           AND EXISTS (
             SELECT FROM (SELECT record_id FROM manifest WHERE repository_id = r.id
                          UNION ALL SELECT record_id FROM tag WHERE repository_id = r.id) AS told
             WHERE NOT EXISTS (SELECT FROM ledger_record l, own WHERE l.ledger_id = own.id AND l.record_id = told.record_id)
               AND NOT EXISTS (SELECT FROM ledger_queue q, own WHERE q.ledger_id = own.id AND q.record_id = told.record_id))
         ORDER BY r.id LIMIT 1`,
};

/**
 * Puts our own public repositories on record anew, as they are, in a ledger that follows one that was closed; those that stand in it already are left.
 * Each is one transaction. Gives how many manifests and tags there were.
 */
export async function retellPublic(deps: RetellDeps): Promise<{ manifests: number; tags: number }> {
  const { database, ledger, organisation, clock, randomBytes } = deps;
  const told = { manifests: 0, tags: 0 };
  for (let after = 0; ;) {
    const [next] = await database.query<{ id: number; name: RepositoryName }>(NEXT, [ledger.origin, after]);
    if (next === undefined) return told;
    const time = clock().toISOString();
    const common = () => ({
      ...{ organisation, repository: next.name, time },
      recordId: newRecordId(randomBytes),
    });
    await database.transaction(async (transaction) => {
      const retelling = { transaction, repository: next, ledger, common };
      told.manifests += await recordManifests(retelling);
      told.tags += await recordTags(retelling);
    });
    ledger.wake();
    after = next.id;
  }
}

import { openDatabase } from '@dockchains/database';

/**
 * Sets the clock of collection forward for what a gateway holds by now: every lease is over, every manifest older than one. So a
 * test need not wait for a lease, and the gateway's own collection, whose first run comes a minute after its start, is not at it.
 */
export async function outliveLeases(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl);
  try {
    for (const [name, text] of Object.entries(AGE)) await database.query({ name, text });
  } finally {
    await database.close();
  }
}

const AGE = {
  test_end_leases: `UPDATE blob_lease SET until = now() - interval '1 second'`,
  test_age_manifests: `UPDATE manifest SET published_at = published_at - interval '31 days'`,
};

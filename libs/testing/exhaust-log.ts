import pg from 'pg';

import type { SmallDisk } from './small-disk.ts';

/** Fills the disk of a PostgreSQL, and writes into its log until there is no room for that either and it panics. */
export async function exhaustLog(url: string, disk: SmallDisk): Promise<void> {
  // Without room nobody new may be let in.
  const client = new pg.Client({ connectionString: url });
  // The server ends the connection when it panics, and the statement says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await disk.fill();
    for (;;) await client.query("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000))");
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

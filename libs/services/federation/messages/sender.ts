import { createHash } from 'node:crypto';

import type { Database } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import {
  CHECKPOINT_TYPE,
  checkpointSubject,
  type Connection,
  encodeCheckpointMessage,
  encodePackage,
  ledgerSubject,
  type MessageSigner,
  PACKAGE_TYPE,
  sealEnvelope,
} from '@dockchains/messaging';
import { encodeBundle, parseBundle } from '@dockchains/tlog';

/** What is sent of our ledgers, and as whom. */
export type SenderDeps = {
  readonly database: Database;
  readonly signer: MessageSigner;
  readonly ledgers: {
    readonly public: Pick<Ledger, 'origin' | 'announcedHead' | 'readBundle'>;
    readonly all: readonly Pick<Ledger, 'origin' | 'publishedCheckpoint'>[];
  };
};

const WIDTH = 256n;
// Who is further behind than this fetches over HTTP, which is faster then.
const MAX_PACKAGES = 64n;

const READ_SENT = {
  name: 'federation-read-sent',
  text: 'SELECT size FROM message_sent WHERE origin = $1',
};
const WRITE_SENT = {
  name: 'federation-write-sent',
  text: `INSERT INTO message_sent (origin, size) VALUES ($1, $2)
         ON CONFLICT (origin) DO UPDATE SET size = greatest(message_sent.size, excluded.size)`,
};

/**
 * Sends what the ledgers have since the last time: public entries up to the announced head, in packages that end at multiples
 * of 256 and at the head, and published checkpoints. At least once, from the database; an id per package lets the stream
 * drop what comes twice. `sent` remembers the checkpoints of this connection.
 */
export async function sendNews(
  connection: Connection,
  deps: SenderDeps,
  sent: Map<string, string>,
): Promise<void> {
  await sendEntries(connection, deps);
  const { signer, ledgers } = deps;
  for (const ledger of ledgers.all) {
    const { origin } = ledger;
    const note = await ledger.publishedCheckpoint();
    if (sent.get(origin) === note) continue;
    const envelope = sealEnvelope(signer, CHECKPOINT_TYPE, encodeCheckpointMessage({ origin, note }));
    const id = `${origin}@${createHash('sha256').update(note).digest('hex')}`;
    await connection.publish(checkpointSubject(signer.organisation), envelope, id);
    sent.set(origin, note);
  }
}

const sendEntries = async (
  connection: Connection,
  { database, signer, ledgers }: SenderDeps,
): Promise<void> => {
  const { origin } = ledgers.public;
  const head = await ledgers.public.announcedHead();
  const [row] = await database.query<{ size: bigint }>(READ_SENT, [origin]);
  const from = row?.size ?? 0n;
  if (from >= head.size) return;
  const nearest = (head.size / WIDTH - MAX_PACKAGES) * WIDTH;
  for (let start = from < nearest ? nearest : from; start < head.size;) {
    const end = minOf((start / WIDTH + 1n) * WIDTH, head.size);
    const bundle = await readRange(ledgers.public, start, end);
    const payload = encodePackage({ origin, start, end, note: head.note, bundle });
    const envelope = sealEnvelope(signer, PACKAGE_TYPE, payload);
    await connection.publish(
      ledgerSubject(signer.organisation, 'public'),
      envelope,
      `${origin}@${start}-${end}`,
    );
    start = end;
  }
  await database.query(WRITE_SENT, [origin, head.size]);
};

const readRange = async (
  ledger: SenderDeps['ledgers']['public'],
  start: bigint,
  end: bigint,
): Promise<Uint8Array | undefined> => {
  const index = start / WIDTH;
  const width = Number(end - index * WIDTH);
  const bundle = await ledger.readBundle({ index, width });
  if (bundle === undefined) return undefined;
  return encodeBundle(parseBundle(bundle, width).slice(Number(start - index * WIDTH)));
};

const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);

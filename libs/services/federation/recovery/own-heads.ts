import { ClientError, type Fetch, type LogReader, openHttpLog, send } from '@dockchains/client';
import { type Origin, TlogError, type VerifierKey } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import type { Peer } from '../peers/peers.ts';
import { openHead, type SignedHead } from '../replication/heads.ts';
import { hashOrigin } from '../replication/replica.ts';

/** A head of our own log that a peer has, by which of its notes. */
export type KnownHead = {
  readonly organisation: string;
  readonly note: 'checkpoint' | 'signed' | 'pending' | 'witness';
  readonly head: SignedHead;
};

/** A head whose entries a peer says that it holds. */
export type HeldHead = {
  readonly organisation: string;
  readonly head: SignedHead;
  readonly reader: LogReader;
};

/** What peers have of a log of ours. */
export type OwnHeads = {
  /** Largest first. */
  readonly held: readonly HeldHead[];
  readonly known: readonly KnownHead[];
  /** Who could not be asked, or gave what our key never signed. */
  readonly problems: readonly PeerProblem[];
};

/** What went wrong with a peer; `UNREACHABLE` leaves open what it knows, `REFUSED` was no word of ours. */
export type PeerProblem = {
  readonly organisation: string;
  readonly code: 'UNREACHABLE' | 'REFUSED';
  readonly reason: string;
};

/** Which log is asked for. */
export type OwnLog = { readonly origin: Origin; readonly verifierKey: VerifierKey };

const MAX_NOTE_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;
const MIRRORED = ['checkpoint', 'signed', 'pending'] as const;

/** Asks every peer's mirror and witness what it has of a log of ours; a note counts if our key signed it, whoever gives it. */
export async function findOwnHeads(
  peers: readonly Peer[],
  { origin, verifierKey }: OwnLog,
): Promise<OwnHeads> {
  const fetch = directFetch();
  const held: HeldHead[] = [];
  const known: KnownHead[] = [];
  const problems: PeerProblem[] = [];
  const askOne = async ({ organisation, descriptor: { endpoints } }: Peer): Promise<void> => {
    const mirror = `${endpoints.mirror}/${hashOrigin(origin)}`;
    const witness = `${endpoints.witness}/${hashOrigin(origin)}/checkpoint`;
    const asked = [
      ...MIRRORED.map((note) => ({ note, url: `${mirror}/${note}` })),
      { note: 'witness' as const, url: witness },
    ];
    for (const { note, url } of asked) {
      try {
        const text = await readNote(fetch, url);
        if (text === undefined) continue;
        const head = openHead(text, verifierKey);
        if (head.origin !== origin) throw new TlogError('BAD_CHECKPOINT', `It is a head of ${head.origin}.`);
        known.push({ organisation, note, head });
        if (note === 'signed') held.push({ organisation, head, reader: openHttpLog(fetch, mirror) });
      } catch (error) {
        if (error instanceof ClientError) {
          problems.push({ organisation, code: 'UNREACHABLE', reason: error.message });
        } else if (error instanceof TlogError) {
          const reason = `What it has as our ${note} was not signed by our key: ${error.message}`;
          problems.push({ organisation, code: 'REFUSED', reason });
        } else {
          throw error;
        }
      }
    }
  };
  await Promise.all(peers.map(askOne));
  return { held: held.toSorted(compareHeld), known, problems };
}

/** Undefined where it is not known there. @throws ClientError */
async function readNote(fetch: Fetch, url: string): Promise<string | undefined> {
  const { status, bytes } = await send(fetch, { url, maxBytes: MAX_NOTE_BYTES, timeoutMs: TIMEOUT_MS });
  if (status === 200) return Buffer.from(bytes).toString('utf8');
  if (status === 404) return undefined;
  throw new ClientError('UNAVAILABLE', `${url} answered ${status}.`);
}

const compareHeld = (a: HeldHead, b: HeldHead): number =>
  a.head.size === b.head.size
    ? a.organisation.localeCompare(b.organisation)
    : Number(b.head.size > a.head.size) - Number(b.head.size < a.head.size);

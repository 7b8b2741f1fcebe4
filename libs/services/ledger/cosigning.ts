import { proveConsistency } from '@dockchains/tlog';

import type { LedgerContext } from './context.ts';
import { LedgerError } from './errors.ts';
import { findPublishedHead, type KeptHead } from './heads.ts';
import {
  addCosignatures,
  announceSigned,
  type Cosigned,
  findAnnounced,
  readCosignatures,
} from './publish.ts';
import { readCommittedTile, readTile, type TileCache } from './tiles.ts';

/** Who has ever cosigned a ledger, by its key's name, and what it cosigned last. */
export interface Cosigner {
  readonly name: string;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly lastSize: bigint;
}

/** The part of a ledger that witnesses and mirrors deal with. */
export interface Cosigning {
  /**
   * The head that peers are to cosign: the signed one that waits to be published, of which there is one at a time, else the published
   * one. What is signed behind it stays at home until it is published: so that all cosign the same heads.
   */
  announcedHead(): Promise<KeptHead>;
  /** Cosignature lines that are kept of the head of this size, of the announced and the published one alone. */
  findCosignatures(size: bigint): Promise<readonly string[]>;
  /**
   * Takes cosignature lines, each with its newline, of the announced or the published head, whoever brought them: the former is
   * published once they meet the policy, into the latter's note they are merged. Lines of other heads and keys are ignored.
   * @throws TlogError BAD_NOTE, BAD_SIGNATURE, BAD_TIMESTAMP: nothing was kept
   */
  addCosignatures(size: bigint, lines: readonly string[]): Promise<Cosigned>;
  /** Announces the newest signed head in the place of the one that waits, which somebody who must cosign it has passed. False if there is none. */
  skipAnnounced(): Promise<boolean>;
  /** The consistency proof between two sizes up to the signed one, from 1 on (RFC 6962 §2.1.2). @throws TlogError BAD_SIZE */
  proveConsistency(oldSize: bigint, newSize: bigint): Promise<Uint8Array[]>;
  /** Who has ever cosigned, by name. */
  cosigners(): Promise<readonly Cosigner[]>;
}

const READ_COSIGNERS = {
  name: 'ledger-read-cosigners',
  text: `SELECT name, first_at AS "firstAt", last_at AS "lastAt", last_size AS "lastSize" FROM cosigner
         WHERE ledger_id = $1 ORDER BY name`,
};

/** Opens that part; `onPublished` hears of heads that cosignatures published here. */
export function openCosigning(
  context: LedgerContext,
  { cache, onPublished }: { readonly cache: TileCache; readonly onPublished: () => void },
): Cosigning {
  const { database, ledgerId, origin } = context;
  return {
    async announcedHead() {
      const head = (await findAnnounced(database, ledgerId)) ?? (await findPublishedHead(database, ledgerId));
      if (head !== undefined) return { size: head.size, root: head.root, note: head.note };
      throw new LedgerError('CONTRADICTION', `${origin} has no published checkpoint.`);
    },
    findCosignatures: (size) => readCosignatures(database, ledgerId, size),
    async addCosignatures(size, lines) {
      const cosigned = await addCosignatures(context, size, lines);
      if (cosigned.published !== undefined) onPublished();
      return cosigned;
    },
    skipAnnounced: () => announceSigned(context, { isStuck: true }),
    proveConsistency: (oldSize, newSize) =>
      proveConsistency(
        oldSize,
        newSize,
        async (tile) => (await readTile(context, cache, tile)) ?? readCommittedTile(context, tile),
      ),
    cosigners: () => database.query<Cosigner>(READ_COSIGNERS, [ledgerId]),
  };
}

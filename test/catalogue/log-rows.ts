import type { Row } from './row.ts';

const LEDGER = 'libs/services/ledger';
const TLOG = 'libs/formats/tlog';
const FEDERATION = 'libs/services/federation';

/** What can happen to a log, and the tests that it does no harm. */
export const LOG_ROWS: Readonly<Record<string, Row>> = {
  L1: {
    about: 'Two signed heads of two histories, also where each peer sees one of them alone.',
    tests: [
      [
        `test/federation/split-view.long.test.ts`,
        'L1: a split view by a malicious gateway, of which each peer sees one consistent half,',
      ],
      [
        `test/federation/split-view.long.test.ts`,
        'L1: our own log key, with which somebody else signs another history,',
      ],
      [`${FEDERATION}/gossip/gossip.test.ts`, 'L1: a split view that no one sees whole'],
      [`${FEDERATION}/gossip/gossip.test.ts`, 'L1: what our witness cosigned'],
      [`${FEDERATION}/gossip/gossip.test.ts`, 'L1: a split view by a key that was'],
      ['test/federation/explained.long.test.ts', 'L1: an honest organisation of whose private ledger'],
      [`${FEDERATION}/gossip/undecided.test.ts`, 'L1: heads of a private ledger of two sizes'],
      [`${FEDERATION}/gossip/undecided.test.ts`, 'L1: a log that has not explained two heads'],
      [
        `${FEDERATION}/replication/faults.test.ts`,
        'L1: a log that had %d entries and shows %d of another history',
      ],
      [`${FEDERATION}/replication/packages.test.ts`, 'L1: a head that was shown by message alone'],
      [`${FEDERATION}/witness/witness.test.ts`, 'L1: keeps two signed notes that contradict each other'],
      [
        `${FEDERATION}/witness/witness.test.ts`,
        'L1: keeps as evidence what the log’s own consistency proof says',
      ],
      [`${TLOG}/equivocation.test.ts`, 'L1: of one size with two roots'],
      [`${TLOG}/equivocation.test.ts`, 'L1: of %d and %d entries'],
      ['apps/cli/audit-proof.test.ts', 'L1: tells with the file and the policy alone'],
    ],
  },
  L2: {
    about:
      'A database that was put back: found out by the tile store and by witnesses, nothing signed, recovered.',
    tests: [
      [`${LEDGER}/put-back.test.ts`, 'L2: a database that was put back'],
      [`${LEDGER}/recover.test.ts`, 'L2: a database of another history'],
      [`${LEDGER}/recover.test.ts`, 'L2: a copy that is behind final bundles alone'],
      [`${LEDGER}/publish-faults.test.ts`, 'L2: a ledger that was put back with its tile store freezes'],
      [`${LEDGER}/publish-faults.test.ts`, 'L2: a head that a witness knows and the entries contradict'],
      [`${FEDERATION}/replication/faults.test.ts`, 'L2: an older note that is replayed'],
      ['test/faults/restore.long.test.ts', 'L2: PostgreSQL put back to an earlier copy'],
    ],
  },
  L3: {
    about: 'Two instances on one database.',
    tests: [
      [`${LEDGER}/heads.test.ts`, 'L3: a second gateway that believes it sequences cannot sign'],
      [`${LEDGER}/ledger.test.ts`, 'L3: does not sequence twice when two gateways run'],
      [`${LEDGER}/sequence.test.ts`, 'L3: a batch that a leader thought gone commits right before ours'],
      ['test/faults/hung-leader.long.test.ts', 'L3: a leader that hangs right behind the step'],
    ],
  },
  L4: {
    about: 'A crash between any two steps of the commit protocol.',
    tests: [
      [`${LEDGER}/ledger.test.ts`, 'L4: resumes after a stop behind step %s'],
      [`${LEDGER}/publish-faults.test.ts`, 'L4: a head that must be cosigned goes on behind a stop'],
      ['test/faults/steps.long.test.ts', 'L4: a gateway killed right behind the step'],
    ],
  },
  L5: {
    about:
      'No gap and no index twice: rolled back transactions, concurrent writers, serialization failures, deadlocks.',
    tests: [
      [`${LEDGER}/ledger.test.ts`, 'L5: gives queued records contiguous indices'],
      [`${LEDGER}/ledger.test.ts`, 'L5: forgets records whose transaction rolled back'],
      [`${LEDGER}/rows.test.ts`, 'L5: batches that PostgreSQL ends with SQLSTATE %s'],
      [`${LEDGER}/heads.test.ts`, 'L5: a batch that does not follow the signed head'],
    ],
  },
  L6: {
    about: 'Flipped bits in entries, tiles and roots; widths, sizes and lengths at their limits.',
    tests: [
      [`${LEDGER}/rows.test.ts`, 'L6: a bit flipped in the row of the head, in its %s'],
      [`${LEDGER}/ledger.test.ts`, 'L6: freezes rather than putting a short bundle'],
      ['libs/client/audit.test.ts', 'L6: names a flipped bit in $name'],
      ['libs/client/audit.test.ts', 'L6: notices a root that was signed over other entries'],
      ['libs/client/audit.test.ts', 'L6: takes the full files where the partial ones are gone'],
      ['libs/client/log.test.ts', 'L6: cuts a partial tile and bundle from the full ones'],
      [`${FEDERATION}/replication/faults.test.ts`, 'L6: a bit flipped in a full bundle'],
      [`${FEDERATION}/replication/faults.test.ts`, 'L6: a bit flipped in the last, partial bundle'],
      [`${FEDERATION}/replication/faults.test.ts`, 'L6: a bit flipped in a tile of the edge'],
      [`${FEDERATION}/replication/faults.test.ts`, 'L6: a partial tile of the wrong width'],
      [`${FEDERATION}/replication/faults.test.ts`, 'L6: an empty tile'],
      [`${TLOG}/tiles.test.ts`, 'L6: a tree of $size leaves'],
      [`${TLOG}/tiles.test.ts`, 'L6: refuses an empty tile'],
      [`${TLOG}/tiles.test.ts`, 'L6: does not hash a partial tile upward'],
      [`${TLOG}/hash.test.ts`, 'L6: hashes entries of 0 and 65,535 bytes and refuses 65,536'],
      [`${TLOG}/bundle.test.ts`, 'L6: carries the longest entry and refuses a longer one'],
    ],
  },
  L7: {
    about: 'An origin that has begun is never begun again.',
    tests: [
      [`${LEDGER}/put-back.test.ts`, 'L7: refuses to begin again a log that has begun'],
      [`${LEDGER}/rows.test.ts`, 'L7: an empty database and an empty tile store'],
    ],
  },
  L8: {
    about: 'A full disk, an fsync that fails, a commit whose answer is lost.',
    tests: [
      ['test/faults/disk.test.ts', 'L8: a disk that fails to write and sync'],
      ['test/faults/disk.test.ts', 'L8: a full disk is a clear 5xx'],
      [`${LEDGER}/rows.test.ts`, 'L8: a batch whose commit was not answered'],
      [
        'test/registry-push.test.ts',
        'L8: a push is on the record, its receipt names the record, and the same push again',
      ],
    ],
  },
  L9: {
    about: 'Late writes over newer ones, what caches hold, what they are told to hold.',
    tests: [
      [`${LEDGER}/heads.test.ts`, 'L9: a gateway halted before it keeps its note'],
      [`${LEDGER}/heads.test.ts`, 'L9: a gateway that begins the log while another signs'],
      [`${LEDGER}/rows.test.ts`, 'L9: a tile that was asked for before it was full'],
      ['test/federation/replication.test.ts', 'L9: nothing that changes or is not there is said to be final'],
    ],
  },
  L10: {
    about: 'Clocks: times of 0, in the past, beyond 2^63 - 1, and put back.',
    tests: [
      [`${TLOG}/cosignature.test.ts`, 'L10: carries the time %i'],
      [`${TLOG}/cosignature.test.ts`, 'L10: does not cosign for the time %i'],
      [`${TLOG}/cosignature.test.ts`, 'L10: refuses a genuine cosignature for the time %i'],
      [`${LEDGER}/publish.test.ts`, 'L10: a later cosignature of a witness takes the place'],
      [`${FEDERATION}/witness/witness.test.ts`, 'L10: a clock that is put back, or stands at 0'],
    ],
  },
};

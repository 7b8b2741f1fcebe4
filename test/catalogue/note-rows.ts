import type { Row } from './row.ts';

const TLOG = 'libs/formats/tlog';
const PUBLISH = 'libs/services/ledger/publish.test.ts';
const WITNESS = 'libs/services/federation/witness/witness.test.ts';
const WITNESS_MEMORY = 'libs/services/federation/witness/witness-memory.test.ts';
const GATHER = 'libs/services/federation/witness/gather.test.ts';

/** What can be wrong with notes, and with witnesses. */
export const NOTE_ROWS: Readonly<Record<string, Row>> = {
  N1: {
    about: 'A forged signature of the log.',
    tests: [
      [`${TLOG}/verify-note.test.ts`, 'N1: refuses a forged signature'],
      [`${TLOG}/policy.test.ts`, 'N1: refuses a quorum of witnesses without the log'],
      [WITNESS, 'N1: 403 for a signature that is not the log’s'],
    ],
  },
  N2: {
    about: 'A known name and id with a signature that is wrong.',
    tests: [
      [`${TLOG}/verify-note.test.ts`, 'N2: refuses the whole note if one known signature is bad'],
      [WITNESS, 'N2: 403 for a wrong signature under the log’s own key'],
      [PUBLISH, 'N2: a wrong one by a witness that is known'],
    ],
  },
  N3: {
    about: 'A key that is not known.',
    tests: [
      [`${TLOG}/verify-note.test.ts`, 'N3: ignores a bad signature by an unknown key'],
      [`${TLOG}/verify-note.test.ts`, 'N3: refuses a note that no known key signed'],
      [PUBLISH, 'N3: one by a key that the policy does not name'],
    ],
  },
  N4: {
    about: 'Another key with the same id.',
    tests: [
      [`${TLOG}/verify-note.test.ts`, 'N4: a key with the name or the id of another one'],
      [`${TLOG}/verify-note.test.ts`, 'N4: a key whose name and id both collide'],
    ],
  },
  N5: {
    about: 'Malformed notes.',
    tests: [
      [
        ...[`${TLOG}/note.test.ts`, 'N5: refuses a note with $name', '65 signatures', 'more than 1 MiB'],
        ...[
          'CRLF',
          'no newline at the end',
          'base64 with bits behind its end',
          'missing padding',
          'a NUL',
          'a tab',
        ],
        ...['a hyphen for the em dash', 'an en dash for the em dash', 'a blank line at the end'],
      ] as const,
      [
        `${TLOG}/note.test.ts`,
        'N5: refuses a note of bytes with $name',
        'an invalid byte',
        'an overlong newline',
      ],
      [`${TLOG}/note.test.ts`, 'N5: takes 64 signatures'],
      [
        ...[
          `${TLOG}/checkpoint.test.ts`,
          'N5: refuses a checkpoint with $name',
          'a leading zero in the size',
        ],
        ...['a signed size', 'a root that is not canonical', 'a root without padding', 'a blank line behind'],
      ] as const,
      [PUBLISH, 'N5: lines that are none are refused'],
    ],
  },
  N6: {
    about: 'Extension lines.',
    tests: [
      [`${TLOG}/checkpoint.test.ts`, 'N6: reads extension lines where they are allowed'],
      [
        `${TLOG}/checkpoint.test.ts`,
        'N6: refuses a signed text that is no checkpoint, or has extension lines',
      ],
      [`${TLOG}/policy.test.ts`, 'N6: refuses extension lines'],
      [WITNESS, 'N6: cosigns extension lines as they are'],
    ],
  },
  N7: {
    about: 'One key as log and as witness.',
    tests: [
      [`${TLOG}/cosignature.test.ts`, 'N7: a signature of a log is no cosignature'],
      [`${TLOG}/policy-file.test.ts`, 'N7: a log key that is a witness key'],
      ['libs/services/federation/witness/policies.test.ts', 'N7: a key counts once'],
      [PUBLISH, 'N7: the signature of a log under a witness’s name'],
    ],
  },
  N8: {
    about: 'A cosignature for another origin with the same root.',
    tests: [
      [`${TLOG}/cosignature.test.ts`, 'N8, N9: a cosignature holds for its own body, origin and time alone'],
      [PUBLISH, 'N8: one of another log with the same size and root'],
    ],
  },
  N9: {
    about: 'An old cosignature on a newer body.',
    tests: [
      [`${TLOG}/cosignature.test.ts`, 'N8, N9: a cosignature holds for its own body, origin and time alone'],
      [`${TLOG}/policy.test.ts`, 'N9: does not count a cosignature of another checkpoint'],
      [PUBLISH, 'N9: one of an earlier head'],
    ],
  },
  W1: {
    about: 'Each status of the witness.',
    tests: [
      [WITNESS, 'W1: 200 for what extends what it cosigned last'],
      [WITNESS, 'W1: 400 for an old size above the checkpoint’s'],
      [WITNESS, 'W1: 404 for a log that it does not know'],
      [WITNESS, 'W1: 409 with the size that it cosigned last, in its own content type'],
      [WITNESS, 'W1: 422 for a root of no entries that is not the empty one'],
      [WITNESS, 'W1: 422 for a proof from no entries'],
      [WITNESS, 'W1: 422 for a proof that proves something else, and for another root at the same size'],
    ],
  },
  W2: { about: 'Requests that race.', tests: [[WITNESS, 'W2: of requests that race to different sizes']] },
  W3: {
    about: 'More than 63 lines of proof.',
    tests: [
      [WITNESS, 'W3: 64 lines of proof'],
      [WITNESS, 'W3: 63 lines of proof are read'],
    ],
  },
  W4: {
    about: 'Witnesses that are down, slow, flapping; needed ones and others.',
    tests: [
      [GATHER, 'W4: is slow holds nobody up whom the quorum can do without'],
      [GATHER, 'W4: is needed and fails lets the head wait'],
      [GATHER, 'W4: answers as %s and back again'],
      [GATHER, 'W4: has not added us yet'],
    ],
  },
  W5: {
    about: 'A witness that was put back.',
    tests: [
      [WITNESS_MEMORY, 'W5: a witness whose database was put back'],
      [GATHER, 'W5: a witness that claims more than was ever signed'],
      [GATHER, 'W5: a witness that is further or less far than was thought'],
    ],
  },
  W6: {
    about: 'A peer that leaves and comes back.',
    tests: [[WITNESS_MEMORY, 'W6: a log that was removed and comes back']],
  },
  W7: {
    about: 'Several keys behind one address.',
    tests: [[GATHER, 'W7: one with several keys is asked once']],
  },
  W8: {
    about: 'Malformed requests.',
    tests: [[WITNESS, 'W3, W8: a request that is malformed is answered 400']],
  },
};

import type { Row } from './row.ts';

const PACKAGES = 'libs/services/federation/replication/packages.test.ts';
const REPLICATION = 'libs/services/federation/replication/faults.test.ts';
const NATS = 'libs/stores/messaging/nats.test.ts';
const PROCESSES = 'test/faults/messages.test.ts';
const LONG = 'test/faults/messages.long.test.ts';
const ENVELOPE = 'libs/stores/messaging/envelope.test.ts';

/** What can happen to messages between organisations. */
export const MESSAGE_ROWS: Readonly<Record<string, Row>> = {
  F1: {
    about: 'Replayed, also outside of the window in which the stream knows ids.',
    tests: [
      [PROCESSES, 'F1: replayed outside'],
      [NATS, 'F1: what is published again under its id'],
      [PACKAGES, 'F1: a package replayed'],
    ],
  },
  F2: {
    about: 'Reordered, or with a gap.',
    tests: [
      [PROCESSES, 'F2: reordered and doubled'],
      [NATS, 'F2: a message that could not be handled comes again behind later ones'],
      [PACKAGES, 'F2: a package with a gap before it'],
    ],
  },
  F3: {
    about: 'A stream that was purged while a peer was away.',
    tests: [
      [PROCESSES, 'F3: a stream that is purged or deleted'],
      [NATS, 'F3: after a purge'],
      [PACKAGES, 'F3: packages that were lost are fetched instead'],
    ],
  },
  F4: {
    about: 'Duplicates, and what is cut elsewhere.',
    tests: [
      [PROCESSES, 'F4: a message that takes the id'],
      [NATS, 'F4: what is published again keeps its place'],
      [PACKAGES, 'F4: a package cut elsewhere'],
    ],
  },
  F5: {
    about: 'An index beyond the checkpoint.',
    tests: [
      [PROCESSES, 'F5: a package of indices'],
      [PACKAGES, 'F5: a package beyond its note'],
    ],
  },
  F6: {
    about: 'Entries of another origin, subjects that lie.',
    tests: [
      [PROCESSES, 'F6: entries of another log'],
      [ENVELOPE, 'F6: a message with $name is not believed'],
      [REPLICATION, 'F6: the note of another log'],
      [PACKAGES, 'F6: a package from somebody else'],
      [PACKAGES, 'F6: a package signed by another log'],
      [PACKAGES, 'F6: packages whose entries are not what was signed'],
    ],
  },
  F7: {
    about: 'Messages that fail again and again.',
    tests: [
      [PROCESSES, 'F7: a poison message'],
      [NATS, 'F7: what fails five times is buried'],
      [
        'libs/services/federation/messages/messages.test.ts',
        'F7: a message that is not to be believed is buried',
      ],
    ],
  },
  F8: {
    about: 'More than is taken.',
    tests: [
      [PROCESSES, 'F8: a message larger'],
      [ENVELOPE, 'F8: what is too large'],
      ['libs/stores/messaging/payloads.test.ts', 'F8: a payload over the limit'],
      [REPLICATION, 'F8: a bundle larger than any can be'],
      [REPLICATION, 'F8: a note larger than any can be'],
    ],
  },
  F9: {
    about: 'A peer that floods.',
    tests: [
      [LONG, 'F9: a flood'],
      [NATS, 'F9: a peer may do nothing but what it is there for'],
    ],
  },
  F10: {
    about: 'Away for long, then catching up.',
    tests: [
      [LONG, 'F10: a peer that was away while'],
      [NATS, 'F10: after kill -9 of the server'],
      [REPLICATION, 'F10: a replica that was away'],
      [REPLICATION, 'F10: what another peer mirrors is taken'],
    ],
  },
  F11: {
    about: 'A key rotated in between.',
    tests: [
      [PROCESSES, 'F11: a message key that was replaced'],
      [ENVELOPE, 'F11: a key that was rotated'],
    ],
  },
  F12: {
    about: 'Cosigned before it is durable.',
    tests: [
      [LONG, 'F12: while the disk is full'],
      [REPLICATION, 'F12: a mirror whose disk fails'],
      [PACKAGES, 'F12: a package is done with once what it says is durable'],
    ],
  },
};

import { expect, test } from 'vitest';

import { type FederationStanding, standingJson, standingTables } from './federation-standing.ts';

const quiet: FederationStanding = {
  peers: [],
  catalog: { rebuilding: false, ledgers: [] },
  equivocations: [],
  undecidedHeads: [],
  closedLedgers: [],
  deadLetters: undefined,
};
const at = '2026-01-01T00:00:00.000Z';

test('where there is nothing to show there is no table', () => {
  expect(standingTables([['acme.example', quiet]])).toEqual([]);
  expect(standingTables([['acme.example', { ...quiet, deadLetters: 0 }]])).toEqual([]);
});

test('a log that signed two histories is shown, and whether that froze it', () => {
  const origin = 'globex.example/ledger/public';
  const equivocations = [
    { origin, foundAt: at, byRevokedKey: false },
    { origin: 'initech.example/ledger/private', foundAt: at, byRevokedKey: true },
  ];
  const [table = ''] = standingTables([['acme.example', { ...quiet, equivocations }]]);
  expect(table).toMatch(/^acme\.example +globex\.example\/ledger\/public +2026-\S+ +frozen here$/m);
  expect(table).toMatch(/^acme\.example +initech\.example\/ledger\/private +2026-\S+ +.*nothing is frozen$/m);
  expect(standingJson({ ...quiet, equivocations })).toMatchObject({ equivocations, deadLetters: null });
});

test('messages that were given up on are counted for the operator, with the command that lists them', () => {
  const [line] = standingTables([['acme.example', { ...quiet, deadLetters: 3 }]]);
  expect(line).toContain('3 messages');
  expect(line).toContain('dockchains messages list --registry acme.example');
});

test('heads that wait for an explanation are shown, with what becomes of them', () => {
  const head = {
    ...{ origin: 'globex.example/ledger/private', shownBy: 'initech.example', heldSize: '6', shownSize: '9' },
    ...{ since: '2026-05-01T00:00:00.000Z', answer: 'it answered with status 404' },
  };
  const undecidedHeads = [
    { ...head, isUnexplained: true, isWithheld: true },
    { ...head, shownBy: 'globex.example', isUnexplained: false, isWithheld: false },
  ];
  const [table = ''] = standingTables([['acme.example', { ...quiet, undecidedHeads }]]);
  expect(table).toContain('unexplained: it answered with status 404; not cosigned before');
  expect(table).toMatch(/undecided: it answered with status 404$/m);
  expect(standingJson({ ...quiet, undecidedHeads })).toMatchObject({ undecidedHeads });
});

test('closed ledgers are shown with what goes on in their place', () => {
  const own = {
    ...{ organisation: 'acme.example', origin: 'acme.example/ledger/public', closedAt: at, held: null },
    ...{ successor: 'acme.example/ledger/public/2', size: '9', kept: '4' },
  };
  const theirs = {
    ...{ organisation: 'globex.example', origin: 'globex.example/ledger/public', closedAt: null, held: '7' },
    ...{ successor: 'globex.example/ledger/public/2', size: null, kept: null },
  };
  const closedLedgers = [own, theirs];
  const [table = ''] = standingTables([['acme.example', { ...quiet, closedLedgers }]]);
  expect(table).toMatch(/^acme\.example +acme\S+public +acme\S+public\/2 +2026-\S+ +4 of 9 kept$/m);
  expect(table).toMatch(/^acme\.example +globex\S+public +globex\S+public\/2 +- +7 held here$/m);
  expect(standingJson({ ...quiet, closedLedgers })).toMatchObject({ closedLedgers });
});

import type { Database } from '@dockchains/database';
import { afterEach, beforeEach } from 'vitest';

import { type LedgerFixture, makeFixture } from './fixture.ts';

/** What a test has for itself: read from it while the test runs. */
export interface CurrentFixture {
  fixture: LedgerFixture;
  database: Database;
}

/** Makes a fixture with a database before each test of the file, and takes it away behind it. */
export function useLedgerFixture(): Readonly<CurrentFixture> {
  const made: Partial<CurrentFixture> = {};
  beforeEach(async () => {
    made.fixture = await makeFixture();
    made.database = await made.fixture.openDatabase();
  });
  afterEach(() => made.fixture?.end());
  const require = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('There is no fixture but within a test.');
    return part;
  };
  return {
    get fixture() {
      return require(made.fixture);
    },
    get database() {
      return require(made.database);
    },
  };
}

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createAccess } from '@dockchains/access';
import { openKey } from '@dockchains/keys';
import type { TestAccount } from '@dockchains/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createWorkplace, type Workplace } from '../../apps/cli/test-io.ts';
import { type CommandRow, COMMANDS } from './matrix/commands.ts';
import {
  openWorld,
  PUBLISHER,
  READER,
  REPOSITORIES,
  REVOKED,
  STRANGER,
  type Visibility,
  type World,
} from './matrix/world.ts';

type Ran = Awaited<ReturnType<Workplace['run']>>;

const HOUR_MS = 3_600_000;
const INSIDERS: readonly string[] = ['reader', 'publisher', 'robot', 'operator'];
const DEAD: readonly string[] = ['expired', 'revoked', 'forged'];
const VISIBILITIES = Object.keys(REPOSITORIES) as Visibility[];

let world: World;
let place: Workplace;
let accounts: Readonly<Record<string, TestAccount | undefined>>;

beforeAll(async () => {
  // Each of the dead fails to sign in with every command.
  world = await openWorld({ env: { DOCKCHAINS_RATE_LIMIT_FAILED_SIGN_INS: '0' } });
  const { gateway, database, robot } = world;
  const tokenKey = await openKey(join(gateway.dataDir, 'keys'), 'token');
  const clock = (): Date => new Date(Date.now() - 2 * HOUR_MS);
  const deps = { database, tokenKey, organisation: gateway.organisation, publicUrl: gateway.url, clock };
  const policies = [{ pattern: '**', actions: ['pull' as const] }];
  const old = await createAccess(deps).createRobot({ name: 'over', policies, validHours: 1 });
  accounts = {
    anonymous: undefined,
    stranger: STRANGER,
    reader: READER,
    publisher: PUBLISHER,
    robot,
    operator: gateway.operator,
    expired: { username: old.account.username, password: old.secret },
    revoked: REVOKED,
    forged: { ...PUBLISHER, password: 'not-the-password-1' },
  };
});
afterAll(() => world.close());
beforeEach(async () => {
  place = await createWorkplace();
  place.io.fetch = globalThis.fetch;
});
afterEach(() => place.remove());

/** Lets the workplace's docker be signed in as the account. */
async function signIn(account: TestAccount | undefined): Promise<void> {
  if (account === undefined) return;
  const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');
  await mkdir(join(place.folder, '.docker'));
  const config = { auths: { [world.gateway.host]: { auth } } };
  await writeFile(join(place.folder, '.docker/config.json'), JSON.stringify(config));
}

function run(words: string, row: CommandRow, who: TestAccount | undefined, repository: string): Promise<Ran> {
  const { host, dataDir } = world.gateway;
  place.io.stdin = `${who?.password ?? 'none-at-all-1'}\n`;
  const target = {
    ...{ host, image: `${host}/${repository}:1.0`, policy: join(dataDir, 'keys/trust.policy') },
    username: who?.username ?? 'nobody',
  };
  return place.run(...words.split(' '), ...row.args(target));
}

/** The exit codes that are right: 0, or what refuses (4) or finds nothing (1); for operators any but 4. */
function expectedOf(
  { need, exitCode = 0 }: CommandRow,
  who: string,
  visibility: Visibility,
): readonly number[] {
  if (need === 'operator') return who === 'operator' ? [0, 1, 2] : [4];
  // What is public is asked for without credentials first, and then they are never shown.
  if (DEAD.includes(who) && need === 'pull' && visibility === 'public') return [0, 4];
  if (DEAD.includes(who) && need !== 'nothing') return [4];
  if (need === 'account') return who === 'anonymous' ? [4] : [0];
  if (need === 'nothing') return DEAD.includes(who) ? [exitCode, 4] : [exitCode];
  if (visibility === 'absent') return INSIDERS.includes(who) ? [1] : [1, 4];
  return visibility === 'public' || INSIDERS.includes(who) ? [0] : [1, 4];
}

describe.each(['anonymous', 'stranger', ...INSIDERS, ...DEAD])('%s', (who) => {
  test('gets what may be had, and cannot tell hidden from absent', async () => {
    const account = accounts[who];
    await signIn(account);
    for (const [words, row] of Object.entries(COMMANDS)) {
      const ran = new Map<Visibility, Ran>();
      for (const visibility of row.need === 'pull' ? VISIBILITIES : (['public'] as const)) {
        const repository = REPOSITORIES[visibility];
        const outcome = await run(words, row, account, repository);
        const expected = expectedOf(row, who, visibility);
        expect(expected, `${words} (${visibility}): ${outcome.stdout}${outcome.stderr}`).toContain(
          outcome.exitCode,
        );
        if (!INSIDERS.includes(who)) expect(outcome.stdout).not.toContain('hidden/');
        ran.set(visibility, masked(outcome, repository));
      }
      if (!INSIDERS.includes(who))
        expect({ words, ran: ran.get('hidden') }).toEqual({ words, ran: ran.get('absent') });
    }
  });
});

function masked({ exitCode, stdout, stderr }: Ran, repository: string): Ran {
  // Of two requests at once either may be refused first: its scope says which.
  const mask = (text: string): string =>
    text.replaceAll(repository, 'NAME').replaceAll(/scope=[^&\s]*/g, 'scope');
  return { exitCode, stdout: mask(stdout), stderr: mask(stderr) };
}

import { randomBytes } from 'node:crypto';

import type { Database } from '@dockchains/database';

import {
  type Account,
  accountUnknown,
  insertAccount,
  parsePolicies,
  PUBLIC_PARTS,
  readAccount,
} from './account-rows.ts';
import { AccessError } from './errors.ts';
import { parseUsername, ROBOT_PREFIX } from './input.ts';
import type { Policy } from './principal.ts';
import { hashSecret, makeSecret } from './robot-secret.ts';

/** What a robot is made from. */
export type NewRobot = {
  /** 1–58 characters of a user name; the robot signs in as `robot+<name>`. */
  readonly name: string;
  readonly policies: readonly Policy[];
  /** How long its secret is good: 1–8,760 hours. */
  readonly validHours: number;
};

/** A robot and its new secret, which is not kept and never shown again. */
export type RobotSecret = { readonly account: Account; readonly secret: string };

/** Accounts for programs, whose secrets end. The caller has asked `requireOperator`. */
export interface Robots {
  /** @throws AccessError ACCOUNT_EXISTS, INVALID_INPUT, LIMIT_REACHED */
  createRobot(robot: NewRobot): Promise<RobotSecret>;
  /**
   * Gives a robot, also one that has expired or was revoked, a new secret; the old one and its tokens end at once.
   * @throws AccessError ACCOUNT_UNKNOWN, INVALID_INPUT
   */
  rotateRobot(name: string, validHours: number): Promise<RobotSecret>;
  /** Ends a robot's secret for ever, and its tokens at once. @throws AccessError ACCOUNT_UNKNOWN */
  revokeRobot(name: string): Promise<void>;
}

const HOUR_MS = 3_600_000;
const MAX_HOURS = 8_760;

/** Makes the {@link Robots} over a database. */
export function createRobots(database: Database, clock: () => Date): Robots {
  return {
    async createRobot({ name, policies, validHours }) {
      const username = usernameOf(name);
      const checked = parsePolicies(policies);
      const createdAt = clock();
      const expiresAt = endOf(createdAt, validHours);
      const secret = makeSecret();
      const account = await insertAccount(database, {
        ...{ id: randomBytes(16).toString('hex'), username, kind: 'robot', createdAt, expiresAt },
        ...{ secretHash: hashSecret(secret), policies: checked },
      });
      return { account, secret };
    },

    async rotateRobot(name, validHours) {
      const username = usernameOf(name);
      const expiresAt = endOf(clock(), validHours);
      const secret = makeSecret();
      const { count } = await database.prisma.account.updateMany({
        where: { username, kind: 'robot' },
        data: { secretHash: hashSecret(secret), expiresAt, disabledAt: null, generation: { increment: 1 } },
      });
      const row =
        count === 0
          ? null
          : await database.prisma.account.findUnique({ where: { username }, ...PUBLIC_PARTS });
      if (row === null) throw accountUnknown(username);
      return { account: readAccount(row), secret };
    },

    async revokeRobot(name) {
      const username = usernameOf(name);
      // Enabled again by mistake, it would still need a new secret.
      const { count } = await database.prisma.account.updateMany({
        where: { username, kind: 'robot' },
        data: { secretHash: hashSecret(makeSecret()), disabledAt: clock(), generation: { increment: 1 } },
      });
      if (count === 0) throw accountUnknown(username);
    },
  };
}

const usernameOf = (name: string): string => parseUsername(ROBOT_PREFIX + parseUsername(name));

const endOf = (from: Date, validHours: number): Date => {
  if (Number.isInteger(validHours) && validHours >= 1 && validHours <= MAX_HOURS) {
    return new Date(from.getTime() + validHours * HOUR_MS);
  }
  throw new AccessError('INVALID_INPUT', `A robot's secret is good for 1 to ${MAX_HOURS} hours.`);
};

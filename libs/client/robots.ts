import { z } from 'zod';

import { type Account, ACCOUNT_FIELDS, accountSchema, OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import { collectList, listOf } from './lists.ts';
import type { Session } from './session.ts';

const secretSchema = z.object({ account: accountSchema, secret: z.string().min(1).max(1024) });

/** A robot and its secret, which the gateway shows once. */
export type RobotSecret = z.output<typeof secretSchema>;

/** What a robot is made from; its secret is good for 1–8,760 hours. */
export type NewRobot = {
  readonly name: string;
  readonly validHours: number;
  readonly policies: Account['policies'];
};

const ROBOTS = listOf('accounts', {
  node: accountSchema,
  fields: ACCOUNT_FIELDS,
  scope: OPERATOR_SCOPE,
  args: ', kind: ROBOT',
});

const CREATE: Operation<{ robot: RobotSecret }> = {
  document: `mutation CreateRobot($name: String!, $validHours: Int!, $policies: [PolicyInput!]!) {
    robot: createRobot(name: $name, validHours: $validHours, policies: $policies) {
      account { ${ACCOUNT_FIELDS} } secret
    }
  }`,
  data: z.object({ robot: secretSchema }),
  scope: OPERATOR_SCOPE,
};

const ROTATE: Operation<{ robot: RobotSecret }> = {
  document: `mutation RotateRobot($name: String!, $validHours: Int!) {
    robot: rotateRobot(name: $name, validHours: $validHours) { account { ${ACCOUNT_FIELDS} } secret }
  }`,
  data: z.object({ robot: secretSchema }),
  scope: OPERATOR_SCOPE,
};

const REVOKE: Operation<{ account: Account }> = {
  document: `mutation RevokeRobot($name: String!) {
    account: revokeRobot(name: $name) { ${ACCOUNT_FIELDS} }
  }`,
  data: z.object({ account: accountSchema }),
  scope: OPERATOR_SCOPE,
};

/** Lists the robots by user name, for operators. @throws ClientError of every code */
export function listRobots(session: Session): Promise<readonly Account[]> {
  return collectList(session, ROBOTS);
}

/** Makes the robot `robot+<name>`. @throws ClientError of every code */
export async function createRobot(session: Session, robot: NewRobot): Promise<RobotSecret> {
  return (await graphql(session, CREATE, robot)).robot;
}

/** Gives a robot a new secret; the old one ends at once. @throws ClientError of every code */
export async function rotateRobot(
  session: Session,
  robot: Pick<NewRobot, 'name' | 'validHours'>,
): Promise<RobotSecret> {
  return (await graphql(session, ROTATE, robot)).robot;
}

/** Ends a robot's secret for ever. @throws ClientError of every code */
export async function revokeRobot(session: Session, name: string): Promise<Account> {
  return (await graphql(session, REVOKE, { name })).account;
}

import type { NewRobot } from '@dockchains/access';

import { changingAccount, forOperators } from './operators.ts';

type Named = { readonly name: string };

/** Resolvers of schema/robot.graphql. */
export const robotTypes = {
  Mutation: {
    createRobot: forOperators((robot: NewRobot, access) => access.createRobot(robot)),
    rotateRobot: forOperators(({ name, validHours }: Named & { readonly validHours: number }, access) =>
      access.rotateRobot(name, validHours),
    ),
    revokeRobot: changingAccount(
      ({ name }: Named, access) => access.revokeRobot(name),
      ({ name }) => `robot+${name}`,
    ),
  },
};

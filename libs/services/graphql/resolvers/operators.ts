import { type Access, AccessError, type Account } from '@dockchains/access';

import type { GraphqlContext } from '../context.ts';

/** What is done once it is sure that an operator asks. */
export type Administer<Args, Result> = (args: Args, access: Access) => Promise<Result>;

/** Makes a resolver that asks first whether an operator asks. */
export function forOperators<Args, Result>(administer: Administer<Args, Result>) {
  return async (_: unknown, args: Args, { access, principal }: GraphqlContext): Promise<Result> => {
    await access.requireOperator(principal);
    return administer(args, access);
  };
}

/** Makes a resolver for operators that changes an account and gives it as it is then. */
export function changingAccount<Args>(change: Administer<Args, void>, usernameOf: (args: Args) => string) {
  return forOperators(async (args: Args, access): Promise<Account> => {
    await change(args, access);
    const account = await access.findAccount(usernameOf(args));
    if (account !== undefined) return account;
    throw new AccessError('ACCOUNT_UNKNOWN', 'The account is gone.');
  });
}

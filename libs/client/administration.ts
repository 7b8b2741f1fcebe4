import { z } from 'zod';

import { graphql, type Operation } from './graphql.ts';
import { collectList, listOf } from './lists.ts';
import { READ_SCOPE } from './operations.ts';
import type { Session } from './session.ts';

/** Scope of an operator's token. */
export const OPERATOR_SCOPE = 'repository:**:admin';

/** The shape of an account; ask for {@link ACCOUNT_FIELDS}. */
export const accountSchema = z.object({
  username: z.string().max(1024),
  principalId: z.string().max(1024),
  disabled: z.boolean(),
  expiresAt: z.string().max(64).nullable(),
  policies: z
    .array(z.object({ pattern: z.string().max(1024), actions: z.array(z.string().max(64)) }))
    .max(10_000),
});
const ruleSchema = z.object({ pattern: z.string().max(1024), visibility: z.string().max(64) });
const repositorySchema = z.object({
  name: z.string().max(255),
  visibility: z.string().max(64),
  createdAt: z.string().max(64),
});

/** Who may sign in, and what they may do; actions are PULL, PUSH, TAG_CREATE, TAG_MOVE, DELETE, ADMIN. */
export type Account = z.output<typeof accountSchema>;

/** Where repositories may come to be, and how visible they are: PUBLIC, PROTECTED, PRIVATE. */
export type NamespaceRule = z.output<typeof ruleSchema>;

/** A repository as lists show it. */
export type RepositorySummary = z.output<typeof repositorySchema>;

/** The fields of an account. */
export const ACCOUNT_FIELDS = 'username principalId disabled expiresAt policies { pattern actions }';

/** The mutations that give an account back, each with the variables that it takes. */
const ACCOUNT_MUTATIONS = {
  createAccount: { username: 'String!', password: 'String!', policies: '[PolicyInput!]!' },
  setPassword: { username: 'String!', password: 'String!' },
  disableAccount: { username: 'String!' },
  enableAccount: { username: 'String!' },
  setPolicy: { username: 'String!', pattern: 'String!', actions: '[Action!]!' },
  removePolicy: { username: 'String!', pattern: 'String!' },
} as const;

/** A change to an account. */
export type AccountMutation = keyof typeof ACCOUNT_MUTATIONS;

const SET_RULE: Operation<{ setNamespaceRule: NamespaceRule }> = {
  document: `mutation SetRule($pattern: String!, $visibility: Visibility!) {
    setNamespaceRule(pattern: $pattern, visibility: $visibility) { pattern visibility }
  }`,
  data: z.object({ setNamespaceRule: ruleSchema }),
  scope: OPERATOR_SCOPE,
};

const REMOVE_RULE: Operation<{ removeNamespaceRule: string }> = {
  document: 'mutation RemoveRule($pattern: String!) { removeNamespaceRule(pattern: $pattern) }',
  data: z.object({ removeNamespaceRule: z.string() }),
  scope: OPERATOR_SCOPE,
};

const ACCOUNTS = listOf('accounts', { node: accountSchema, fields: ACCOUNT_FIELDS, scope: OPERATOR_SCOPE });
const RULES = listOf('namespaceRules', {
  node: ruleSchema,
  fields: 'pattern visibility',
  scope: OPERATOR_SCOPE,
});
const REPOSITORIES = listOf('repositories', {
  node: repositorySchema,
  fields: 'name visibility createdAt',
  scope: READ_SCOPE,
});

/** Lists the accounts by user name, for operators. @throws ClientError of every code */
export function listAccounts(session: Session): Promise<readonly Account[]> {
  return collectList(session, ACCOUNTS);
}

/** Lists the namespace rules by pattern, for operators. @throws ClientError of every code */
export function listNamespaceRules(session: Session): Promise<readonly NamespaceRule[]> {
  return collectList(session, RULES);
}

/** Lists the repositories that may be read, by name. @throws ClientError of every code */
export function listRepositories(session: Session): Promise<readonly RepositorySummary[]> {
  return collectList(session, REPOSITORIES);
}

/** Changes an account and gives it as it is then. @throws ClientError of every code */
export async function changeAccount(
  session: Session,
  mutation: AccountMutation,
  variables: Readonly<Record<string, unknown>>,
): Promise<Account> {
  const parameters = Object.entries(ACCOUNT_MUTATIONS[mutation]);
  const declared = parameters.map(([name, type]) => `$${name}: ${type}`).join(', ');
  const passed = parameters.map(([name]) => `${name}: $${name}`).join(', ');
  const operation: Operation<{ account: Account }> = {
    document: `mutation ChangeAccount(${declared}) { account: ${mutation}(${passed}) { ${ACCOUNT_FIELDS} } }`,
    data: z.object({ account: accountSchema }),
    scope: OPERATOR_SCOPE,
  };
  return (await graphql(session, operation, variables)).account;
}

/** Sets how visible new repositories under the pattern are. @throws ClientError of every code */
export async function setNamespaceRule(session: Session, rule: NamespaceRule): Promise<NamespaceRule> {
  return (await graphql(session, SET_RULE, rule)).setNamespaceRule;
}

/** Removes a namespace rule; repositories that it let come to be stay. @throws ClientError of every code */
export async function removeNamespaceRule(session: Session, pattern: string): Promise<void> {
  await graphql(session, REMOVE_RULE, { pattern });
}

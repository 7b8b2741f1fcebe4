import { encodeAccount, encodeOperator, encodeUser } from '@nats-io/jwt';
import { fromSeed, type KeyPair } from '@nats-io/nkeys';

import { MAX_PAYLOAD_BYTES } from './envelope.ts';
import { consumerOf, inboxPrefixOf, questionSubject, streamOf } from './names.ts';

/** The seeds (`SO…`, `SA…`, `SA…`) by which an organisation decides who may do what at its NATS servers. */
export type NatsAuthority = {
  readonly operator: string;
  readonly account: string;
  readonly system: string;
};

/** Users of the account who are let in no more, by their public nkeys. */
export type RevokedUsers = readonly string[];

const UNLIMITED = -1;
// A server lets in whom it finds revoked before their credential was issued, and clocks step back.
const END_OF_TIME = 253_402_300_799;
const MAX_PEER_SUBSCRIPTIONS = 64;
const STREAM_BYTES = 4 * 2 ** 30;
const HEADER_BYTES = 64 * 1024;

const NO_LIMITS = { conn: UNLIMITED, subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED };
const SYSTEM_LIMITS = { ...NO_LIMITS, imports: UNLIMITED, exports: UNLIMITED, leaf: 0, wildcards: true };
const ACCOUNT_LIMITS = {
  ...{ ...NO_LIMITS, imports: 0, exports: 0, leaf: 0, wildcards: false, disallow_bearer: true },
  ...{ mem_storage: 0, disk_storage: STREAM_BYTES, streams: 8, consumer: 1024 },
};

/**
 * Configuration that a NATS server includes (`operator`, `system_account`, `resolver_preload`), so that it knows the
 * organisation's account. It holds no secret.
 */
export async function encodeServerAccounts(
  organisation: string,
  authority: NatsAuthority,
  revoked: RevokedUsers,
): Promise<string> {
  const { operator, account, system } = open(authority);
  const systemJwt = await encodeAccount('SYS', system, { limits: SYSTEM_LIMITS }, { signer: operator });
  const operatorJwt = await encodeOperator(organisation, operator, {
    system_account: system.getPublicKey(),
  });
  const preload = [
    `  ${system.getPublicKey()}: ${systemJwt}`,
    `  ${account.getPublicKey()}: ${await encodeOwnAccount(organisation, authority, revoked)}`,
  ];
  return `operator: ${operatorJwt}\nsystem_account: ${system.getPublicKey()}\nresolver_preload {\n${preload.join('\n')}\n}\n`;
}

/** The account's JWT, to be pushed to servers that run: users in `revoked` are cut off at once. */
export function encodeOwnAccount(
  organisation: string,
  authority: NatsAuthority,
  revoked: RevokedUsers,
): Promise<string> {
  const { operator, account } = open(authority);
  const revocations = Object.fromEntries(revoked.map((user) => [user, END_OF_TIME]));
  return encodeAccount(organisation, account, { limits: ACCOUNT_LIMITS, revocations }, { signer: operator });
}

/** Lets the organisation's own user (`U…`) do everything in its account. */
export function issueOwnCredential(authority: NatsAuthority, user: string): Promise<string> {
  return encodeUser('gateway', user, open(authority).account);
}

/** Lets a user push accounts to the servers. */
export function issueSystemCredential(authority: NatsAuthority, user: string): Promise<string> {
  return encodeUser('accounts', user, open(authority).system);
}

/**
 * Lets a peer's user (`U…`) take what its own consumer has and ask what peers may ask, and nothing else. The JWT is of use
 * only to whoever has the user's seed.
 */
export function issuePeerCredential(
  authority: NatsAuthority,
  { organisation, peer, user }: { organisation: string; peer: string; user: string },
): Promise<string> {
  const consumer = `${streamOf(organisation)}.${consumerOf(peer)}`;
  return encodeUser(peer, user, open(authority).account, {
    pub: {
      allow: [
        `$JS.API.CONSUMER.INFO.${consumer}`,
        `$JS.API.CONSUMER.MSG.NEXT.${consumer}`,
        `$JS.ACK.${consumer}.>`,
        ...(['witness', 'cosigned', 'gossip'] as const).map((question) =>
          questionSubject(organisation, question),
        ),
      ],
    },
    sub: { allow: [`${inboxPrefixOf(peer)}.>`] },
    subs: MAX_PEER_SUBSCRIPTIONS,
    data: UNLIMITED,
    payload: MAX_PAYLOAD_BYTES + HEADER_BYTES,
  });
}

const open = (authority: NatsAuthority): Record<keyof NatsAuthority, KeyPair> => ({
  operator: pairOf(authority.operator),
  account: pairOf(authority.account),
  system: pairOf(authority.system),
});

const pairOf = (seed: string): KeyPair => fromSeed(new TextEncoder().encode(seed));

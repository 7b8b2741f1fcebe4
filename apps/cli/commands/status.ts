import { setTimeout as delay } from 'node:timers/promises';

import { findLedger, getOrganisation, type LedgerHead, verifyCheckpoint } from '@dockchains/client';

import { commandOf, type Register } from '../command.ts';
import { CliError, type ExitCode, findFailure } from '../errors.ts';
import {
  findStanding,
  type FederationStanding,
  standingJson,
  standingTables,
} from '../federation-standing.ts';
import { chooseGateway, type Gateway, openGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import { readOrganisations } from '../organisations.ts';
import { type Outcome, tableOf } from '../output.ts';
import { readTrust, type Trust } from '../trust.ts';

/** How one ledger stands; `head` undefined where the gateway knows of none. */
type LedgerStanding = Judgement & { readonly origin: string; readonly head: LedgerHead | undefined };

type Judgement = { readonly state: string; readonly exitCode: ExitCode };

type Options = { readonly policy?: string; readonly watch?: boolean };

const WATCH_MS = 2_000;
const CLEAR_SCREEN = '\u{1b}[H\u{1b}[2J';

/** One organisation: its ledgers, or why nothing is known of them. */
type Status = {
  readonly gateway: Gateway;
  readonly name: string;
  readonly ledgers: readonly LedgerStanding[];
  readonly standing?: FederationStanding;
  readonly failure?: Judgement;
};

/** `dockchains status`: which gateways answer, how far their ledgers and catalogs are, and who their peers are. */
export const registerStatus: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('status [registry]', {
      summary:
        'show which gateways answer, how far their ledgers are, and whether the policy vouches for their heads',
      examples: `dockchains status
dockchains status acme.example --json
dockchains status --watch`,
    })
      .option('--watch', 'show it anew every two seconds, until interrupted')
      .option('--policy <file>', 'C2SP tlog-policy to check the heads with')
      .action(async (registry: string | undefined, { policy, watch = false }: Options): Promise<void> => {
        const show = print(() => showStatus(io, registry, policy));
        await show();
        while (watch) {
          await delay(WATCH_MS);
          if (io.stdout.isTTY === true) io.stdout.write(CLEAR_SCREEN);
          await show();
        }
      }),
  );
};

async function showStatus(
  io: Io,
  registry: string | undefined,
  policyFile: string | undefined,
): Promise<Outcome> {
  const gateways = await chooseGateways(io, registry);
  const trust = await findTrust(io, policyFile);
  const statuses = await Promise.all(gateways.map((gateway) => statusOf(io, gateway, trust)));
  const ledgers = tableOf(
    ['ORGANISATION', 'REGISTRY', 'LEDGER', 'PUBLISHED', 'QUEUED', 'STATE'],
    statuses.flatMap(toRows),
  );
  const standings = statuses.flatMap(({ name, standing }) =>
    standing === undefined ? [] : [[name, standing] as const],
  );
  return {
    text: [ledgers, ...standingTables(standings)].join('\n\n'),
    json: { policy: trust?.path ?? null, organisations: statuses.map(toJson) },
    exitCode: statuses.map(exitCodeOf).find((exitCode) => exitCode !== 0) ?? 0,
  };
}

async function chooseGateways(io: Io, registry: string | undefined): Promise<readonly Gateway[]> {
  if (registry !== undefined) return [await chooseGateway(io, registry)];
  const organisations = await readOrganisations(io);
  if (organisations.length === 0) return [await chooseGateway(io, undefined)];
  return organisations.map((organisation) => ({ ...organisation, organisation }));
}

async function findTrust(io: Io, policyFile: string | undefined): Promise<Trust | undefined> {
  try {
    return await readTrust(io, policyFile);
  } catch (error) {
    if (error instanceof CliError && error.code === 'NO_POLICY') return undefined;
    throw error;
  }
}

/** One that does not answer is a row like the others, so that the rest is seen. */
async function statusOf(io: Io, gateway: Gateway, trust: Trust | undefined): Promise<Status> {
  const fallback = gateway.organisation?.name ?? gateway.registry;
  try {
    const { name, logs } = await getOrganisation(io.fetch, gateway.url);
    const session = await openGateway(io, gateway, 'publisher');
    const ledgers = await Promise.all(
      logs.map(async ({ origin }) => {
        const head = await findLedger(session, origin);
        return { origin, head, ...judge(head, trust, gateway) };
      }),
    );
    const standing = await findStanding(session);
    return { gateway, name, ledgers, ...(standing && { standing }) };
  } catch (error) {
    const failure = findFailure(error);
    if (failure === undefined) throw error;
    const { message: state, exitCode } = failure;
    return { gateway, name: fallback, ledgers: [], failure: { state, exitCode } };
  }
}

function judge(ledger: LedgerHead | undefined, trust: Trust | undefined, { registry }: Gateway): Judgement {
  if (ledger === undefined) return { state: 'announced, but not there', exitCode: 1 };
  if (ledger.frozen !== null) return { state: `frozen: ${ledger.frozen}`, exitCode: 3 };
  if (ledger.checkpoint === null) return { state: 'empty', exitCode: 0 };
  if (trust === undefined) return { state: 'unverified: no policy', exitCode: 0 };
  if (!trust.policy.logs.some(({ key }) => key.name === ledger.origin)) {
    const state = `unverified: the policy has no key of it; "dockchains login ${registry}" pins one`;
    return { state, exitCode: 1 };
  }
  try {
    const { checkpoint, witnesses } = verifyCheckpoint(ledger.checkpoint, trust.policy);
    if (checkpoint.origin !== ledger.origin)
      return { state: `its head is of ${checkpoint.origin}`, exitCode: 1 };
    const good = `good: head of ${checkpoint.size}, ${witnesses.length} witnesses`;
    if (ledger.waitingSince === null) return { state: good, exitCode: 0 };
    const signed = `${ledger.size - ledger.publishedSize} entries wait for cosignatures`;
    return { state: `${good}; ${signed} since ${ledger.waitingSince}`, exitCode: 0 };
  } catch (error) {
    const failure = findFailure(error);
    if (failure === undefined) throw error;
    return { state: failure.message, exitCode: failure.exitCode };
  }
}

function exitCodeOf({ ledgers, failure }: Status): ExitCode {
  return failure?.exitCode ?? ledgers.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0;
}

function toRows({ name, gateway, ledgers, failure }: Status): string[][] {
  if (failure !== undefined) return [[name, gateway.registry, '-', '-', '-', failure.state]];
  return ledgers.map(({ origin, head, state }) => [
    name,
    gateway.registry,
    origin.slice(origin.lastIndexOf('/') + 1),
    head === undefined ? '-' : `${head.publishedSize} of ${head.size}`,
    head === undefined ? '-' : `${head.queued}`,
    state,
  ]);
}

function toJson(status: Status) {
  const { name, gateway, ledgers, standing, failure } = status;
  return {
    name,
    registry: gateway.registry,
    url: gateway.url,
    good: exitCodeOf(status) === 0,
    ...(failure && { failure: failure.state }),
    ...(standing && standingJson(standing)),
    ledgers: ledgers.map(({ origin, head, state, exitCode }) => ({
      ...{ origin, state, good: exitCode === 0 },
      ...(head && {
        size: head.size.toString(),
        publishedSize: head.publishedSize.toString(),
        queued: head.queued,
        frozen: head.frozen,
        waitingSince: head.waitingSince,
      }),
    })),
  };
}

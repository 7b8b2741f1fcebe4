import { readFile } from 'node:fs/promises';

import {
  type AskWitness,
  createHold,
  createPublications,
  createWitness,
  FederationError,
  fetchNotesOver,
  findWitnessedLog,
  type Gatherer,
  openEvidence,
  openUndecided,
  type OwnDescriptor,
  type Peers,
  type Publications,
  readActivePeers,
  startGathering,
  type Witness,
} from '@dockchains/federation';
import { openKey } from '@dockchains/keys';
import type { Ledger, LedgerName, Ledgers, Publication } from '@dockchains/ledger';
import { createCosigner, parsePolicy, type Policy, TlogError } from '@dockchains/tlog';

import type { GatewayDeps } from './deps.ts';
import { type LedgerKeys, logsOf, writeTrust } from './ledgers.ts';
import type { WitnessMetrics } from './witness-metrics.ts';

type WitnessingDeps = Pick<GatewayDeps, 'config' | 'database' | 'log' | 'clock' | 'publicUrl'> & {
  readonly metrics: WitnessMetrics;
  readonly fetch: typeof globalThis.fetch;
};

/** Witnessing in both directions: what others cosign for this organisation, and what it cosigns for them. */
export interface Witnessing {
  /** What the ledgers are opened with. */
  readonly publicationOf: (name: LedgerName) => Publication;
  /** Begins to gather cosignatures, and gives the witness, once ledgers and peers are open. */
  start(services: Asked): Promise<StartedWitnessing>;
}

/** What gathering cosignatures takes besides the ledgers, and how witnesses are asked. */
interface Asked {
  readonly ledgers: Ledgers;
  readonly peers: Peers;
  readonly descriptor: Pick<OwnDescriptor, 'findNewest'>;
  readonly ask: AskWitness;
  /** Compares a head that our witness refused with what else is held of its log. */
  readonly compare: (origin: string, note: string) => Promise<unknown>;
  /** Asks a log at once for what it has not explained. */
  readonly explain: (origin: string) => Promise<void>;
}

/** Witnessing that runs. */
interface StartedWitnessing {
  readonly witness: Witness;
  readonly close: () => Promise<void>;
}

const TRUST_MS = 1_000;

/**
 * Opens it before the ledgers.
 * @throws TlogError BAD_POLICY for a file of others' witnesses or logs that is none
 */
export async function openWitnessing(deps: WitnessingDeps, keys: LedgerKeys): Promise<Witnessing> {
  const { config, database, publicUrl } = deps;
  const others = await readPolicy(config.witnessPolicy);
  const otherLogs = await readPolicy(config.witnessLogs);
  const bound: { peers?: Peers } = {};
  const peers = { list: () => bound.peers?.list() ?? readActivePeers(database) };
  const publications = createPublications({
    ...{ database, peers, others, logs: logsOf(keys, publicUrl), fetch: deps.fetch },
    observePublished: ({ isPublic }, waitedMs) => {
      deps.metrics.observePublished(isPublic ? 'public' : 'private', waitedMs);
    },
  });
  return {
    publicationOf: (name) =>
      publications.of({ origin: keys[name].verifierKey.name, isPublic: name === 'public' }),
    async start(services) {
      bound.peers = services.peers;
      const gatherers = services.ledgers.all.map((ledger) =>
        gather(deps, { ...services, ledger, publications }),
      );
      const announce = (): void => {
        for (const gatherer of gatherers) gatherer.announce();
      };
      const unsubscribe = services.peers.onChange(announce);
      const keeping = keepTrust(deps, publications, services.descriptor);
      return {
        witness: await openWitness(deps, { ...services, others: otherLogs }),
        async close() {
          unsubscribe();
          await keeping.stop();
          await Promise.all(gatherers.map((gatherer) => gatherer.close()));
        },
      };
    },
  };
}

function gather(
  { log, clock, metrics }: WitnessingDeps,
  {
    ledger,
    peers,
    ask,
    publications,
  }: Omit<Asked, 'ledgers' | 'compare' | 'explain' | 'descriptor'> & {
    readonly ledger: Ledger;
    readonly publications: Publications;
  },
): Gatherer {
  const { origin, name } = ledger;
  const publication = publications.of({ origin, isPublic: name === 'public' });
  const gatherer = startGathering({
    policy: () => publication.policy(),
    ...{ ledger, clock, log, ask },
    organisationOf: async (url) =>
      (await peers.list()).find(({ descriptor }) => descriptor.endpoints.witness === url)?.organisation,
    observe: (answer) => {
      metrics.observeAnswer(name, answer);
    },
  });
  publications.onAnnounced(origin, () => {
    gatherer.announce();
  });
  return gatherer;
}

async function openWitness(
  { config, database, clock, log, fetch }: WitnessingDeps,
  {
    compare,
    explain,
    ...logs
  }: Pick<Asked, 'peers' | 'compare' | 'explain'> & { readonly others: Policy | undefined },
): Promise<Witness> {
  const { organisation, keysDirectory } = config;
  const privateKey = await openKey(keysDirectory, 'witness');
  const evidence = openEvidence({ database, clock, log });
  const findLog = (origin: string) => findWitnessedLog(logs, origin);
  return createWitness({
    ...{ database, clock, findLog },
    cosigner: createCosigner({ name: `${organisation}/witness`, privateKey }),
    async refreshLog(origin) {
      const peer = await logs.peers.find(origin.split('/')[0] ?? '');
      if (peer === undefined) return false;
      await logs.peers.refresh(peer.organisation);
      return true;
    },
    fetchCheckpoint: fetchNotesOver(fetch),
    isFrozen: async (origin) => (await evidence.find(origin)) !== undefined,
    findHold: createHold({ undecided: openUndecided({ database, clock, log }), explain }),
    async reportConflict(origin, equivocation) {
      const found = await findLog(origin);
      if (found === undefined) return;
      const keys = found.logKeys ?? found.keys.map((key) => ({ key, isRevoked: false }));
      await notePoor(log, () => evidence.report(equivocation, keys));
    },
    suspect: (origin, note) => notePoor(log, () => compare(origin, note)),
  });
}

/** What was to be evidence and is none is no reason to leave a log without an answer. */
async function notePoor(log: GatewayDeps['log'], look: () => Promise<unknown>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof TlogError || error instanceof FederationError)) throw error;
    log.warn({ err: error }, 'heads not compared');
  }
}

/** Writes `trust.policy` anew when peers came, left or cosigned for the first time. */
function keepTrust(
  { config, log }: WitnessingDeps,
  publications: Publications,
  descriptor: Asked['descriptor'],
): { stop(): Promise<void> } {
  const { keysDirectory } = config;
  // What it names changes at a start alone.
  let said: ReturnType<typeof descriptor.findNewest> | undefined;
  let written: string | undefined;
  let writing: Promise<void> | undefined;
  const keep = async (): Promise<void> => {
    try {
      said ??= descriptor.findNewest();
      said.catch(() => (said = undefined));
      const text = await publications.trust((await said)?.descriptor);
      if (text !== written) await writeTrust(keysDirectory, text);
      written = text;
    } catch (error) {
      log.warn({ err: error }, 'trust.policy not written, trying again');
    }
  };
  const timer = setInterval(() => {
    writing ??= keep().finally(() => (writing = undefined));
  }, TRUST_MS).unref();
  return {
    async stop() {
      clearInterval(timer);
      await writing;
    },
  };
}

async function readPolicy(path: string | undefined): Promise<Policy | undefined> {
  return path === undefined ? undefined : parsePolicy(await readFile(path));
}

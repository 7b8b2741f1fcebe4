import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { findFormerLogKey, findRevokedKeys, hasInception, openKey } from '@dockchains/keys';
import {
  closingRecord,
  findLedgerLine,
  gatherLedgers,
  type Ledger,
  type LedgerDeps,
  type LedgerName,
  type Ledgers,
  openLedger,
} from '@dockchains/ledger';
import {
  createNoteSigner,
  encodePolicy,
  encodeVerifierKey,
  NO_QUORUM,
  type NoteSigner,
  parseOrigin,
  type PolicyLog,
} from '@dockchains/tlog';

import { type FolderSealingKeys, openFolderSealingKeys } from './sealing-keys.ts';

const NAMES: readonly LedgerName[] = ['public', 'private'];

/** What all ledgers of an organisation have in common. */
export type CommonDeps = Omit<
  LedgerDeps,
  'origin' | 'signer' | 'sealing' | 'replay' | 'onStep' | 'publication'
> & {
  readonly publicationOf: (name: LedgerName) => NonNullable<LedgerDeps['publication']>;
  readonly replayOf: (name: LedgerName) => LedgerDeps['replay'];
  readonly onStepOf: (name: LedgerName) => CommitListener;
  readonly organisation: string;
  /** Where clients reach the gateway, without a slash at the end. */
  readonly publicUrl: string;
};

/** Hears of each step of a ledger's commit protocol. */
export type CommitListener = NonNullable<LedgerDeps['onStep']>;

/** The signing keys of the ledgers' logs, and the keys that private records are sealed under. */
export type LedgerKeys = Readonly<Record<LedgerName, NoteSigner>> & {
  readonly sealing: FolderSealingKeys;
  /** The newest verifier key of each log. A signer's own is the former one while that signs as well: it verifies all notes. */
  readonly newest: Readonly<Record<LedgerName, string>>;
};

type LogSigners = { readonly signer: NoteSigner; readonly newest: string };

/**
 * Opens the ledgers' keys, made where a log has never begun, and writes the policy by which those who have the keys folder
 * believe the logs (C2SP tlog-policy), `trust.policy`.
 * @throws KeyError
 */
export async function openLedgerKeys({
  publicUrl,
  ...place
}: Pick<CommonDeps, 'organisation' | 'keysDirectory' | 'publicUrl'>): Promise<LedgerKeys> {
  const keys = await readLedgerKeys(place);
  const policy = { logs: logsOf(keys, publicUrl), witnesses: [], groups: [], quorum: NO_QUORUM };
  await writeTrust(place.keysDirectory, encodePolicy(policy));
  return keys;
}

/** Opens the ledgers' keys, made where a log has never begun. @throws KeyError */
export async function readLedgerKeys({
  organisation,
  keysDirectory,
}: Pick<CommonDeps, 'organisation' | 'keysDirectory'>): Promise<LedgerKeys> {
  const revoked = await findRevokedKeys(keysDirectory);
  const open = async (name: LedgerName): Promise<LogSigners> => {
    const { current: origin } = await findLedgerLine(keysDirectory, organisation, name);
    const mayCreate = !(await hasInception(keysDirectory, parseOrigin(`${organisation}/ledger/${name}`)));
    const privateKey = await openKey(keysDirectory, `log-${name}`, { mayCreate });
    const signer = createNoteSigner({ name: origin, privateKey });
    const newest = encodeVerifierKey(signer.verifierKey);
    const formerKey = await findFormerLogKey(keysDirectory, `log-${name}`);
    if (formerKey === undefined) return { signer, newest };
    const former = createNoteSigner({ name: origin, privateKey: formerKey });
    const formerText = encodeVerifierKey(former.verifierKey);
    if (revoked.some(({ key }) => key === formerText)) return { signer, newest };
    const sign = (text: string): string => former.sign(text) + signer.sign(text);
    return { signer: { ...former, sign }, newest };
  };
  const logs = { public: await open('public'), private: await open('private') };
  const isSealed = await hasInception(keysDirectory, parseOrigin(`${organisation}/ledger/private`));
  return {
    public: logs.public.signer,
    private: logs.private.signer,
    newest: { public: logs.public.newest, private: logs.private.newest },
    sealing: await openFolderSealingKeys(keysDirectory, { mayCreate: !isSealed }),
  };
}

/** The organisation's logs as a policy has them. */
export function logsOf(keys: LedgerKeys, publicUrl: string): PolicyLog[] {
  return NAMES.map((name) => ({ key: keys[name].verifierKey, url: `${publicUrl}/log/${name}` }));
}

/** Writes the policy for those who have the keys folder. */
export async function writeTrust(keysDirectory: string, policy: string): Promise<void> {
  await replaceFile(join(keysDirectory, 'trust.policy'), policy);
}

/** Opens both ledgers. @throws LedgerError FROZEN if keys, database and tile store do not belong together */
export async function openLedgers(
  { organisation, replayOf, onStepOf, publicationOf, ...deps }: CommonDeps,
  keys: LedgerKeys,
): Promise<Ledgers> {
  const open = (name: LedgerName, sealing?: LedgerDeps['sealing']) =>
    openLedger({
      ...{ ...deps, replay: replayOf(name), onStep: onStepOf(name), ...(sealing && { sealing }) },
      ...{ origin: parseOrigin(keys[name].verifierKey.name), signer: keys[name] },
      publication: publicationOf(name),
    });
  const opened = await open('public');
  try {
    const publicHead = async () => ({ ...(await opened.publishedHead()), origin: opened.origin });
    const sealed = await open('private', { keys: keys.sealing, publicHead });
    await recordClosings(opened, { organisation, ...deps });
    return gatherLedgers({ public: opened, private: sealed });
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What was lost when a ledger was closed stands in the public one before anything else that this start records. */
async function recordClosings(
  ledger: Ledger,
  {
    organisation,
    keysDirectory,
    database,
    log,
  }: Pick<CommonDeps, 'organisation' | 'keysDirectory' | 'database' | 'log'>,
): Promise<void> {
  for (const name of NAMES) {
    const { closed } = await findLedgerLine(keysDirectory, organisation, name);
    for (const closing of closed) {
      const record = closingRecord(closing, organisation);
      try {
        if ((await ledger.findEntry(record.recordId)) !== undefined) continue;
        const prepared = await ledger.prepare(undefined, [record]);
        await database.transaction((transaction) => ledger.append(transaction, prepared));
        ledger.wake();
        log.warn({ ...closing }, 'ledger closed: entries of it are lost, its successor goes on');
      } catch (error) {
        // Another gateway that starts at the same time records the same; a frozen ledger takes it with the next start.
        log.warn({ err: error, origin: closing.origin }, 'closing of a ledger not recorded by this start');
      }
    }
  }
}

/** Readers see the old text or the new one, never half. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`; // gateways that start together each have their own
  await writeFile(temporary, text);
  await rename(temporary, path);
}

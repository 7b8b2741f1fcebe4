import { sealingPublicKey } from '@dockchains/escrow';
import { openSealingKeys, type SealingKeyFiles } from '@dockchains/keys';
import { type SealingKeys, sealingKeysOf } from '@dockchains/ledger';

const ASK_AGAIN_MS = 1_000;

/** The sealing keys of the keys folder. */
export interface FolderSealingKeys extends SealingKeys {
  /** The newest key in the folder, 32 bytes: what the next descriptor names. */
  readonly newest: Uint8Array;
  /**
   * From now on a key acts once the organisation is on record with it: `findOnRecord` gives the public key in hexadecimal, or undefined where
   * nothing was ever certified. Until this is called the oldest one acts that a descriptor may still name.
   */
  follow(findOnRecord: () => Promise<string | undefined>): void;
}

/**
 * Opens them. A key that another gateway was started with is read from the folder when a scope of it is met: which key is to be used, the ledger
 * says, so that gateways which start one after the other seal to the same.
 * @throws KeyError
 */
export async function openFolderSealingKeys(
  directory: string,
  { mayCreate }: { mayCreate: boolean },
): Promise<FolderSealingKeys> {
  let files = await openSealingKeys(directory, { mayCreate });
  const { current: newest } = files;
  let keys = keysOf(files);
  let findOnRecord: (() => Promise<string | undefined>) | undefined;
  let settled: Uint8Array | undefined;
  let asked: { readonly at: number; readonly onRecord: Promise<string | undefined> } | undefined;

  /** While a key waits to be published, one question in a second serves all pushes. */
  const readRecord = (): Promise<string | undefined> | undefined => {
    if (findOnRecord === undefined) return undefined;
    if (asked !== undefined && performance.now() < asked.at + ASK_AGAIN_MS) return asked.onRecord;
    asked = { at: performance.now(), onRecord: findOnRecord() };
    asked.onRecord.catch(() => (asked = undefined));
    return asked.onRecord;
  };

  const reload = async (): Promise<void> => {
    files = await openSealingKeys(directory, { mayCreate: false });
    keys = keysOf(files);
    settled = undefined;
  };
  return {
    newest,
    follow(find) {
      findOnRecord = find;
    },
    async current() {
      if (settled !== undefined) return settled;
      const { current, former } = files;
      if (former.length === 0) return (settled = current);
      const onRecord = await readRecord();
      // Without a descriptor nobody knows another.
      const isNewest = onRecord === undefined ? findOnRecord !== undefined : publicOf(current) === onRecord;
      if (isNewest) return (settled = current);
      return former.find((key) => publicOf(key) === onRecord) ?? former.at(-1) ?? current;
    },
    async find(panelId) {
      const found = await keys.find(panelId);
      if (found !== undefined) return found;
      await reload();
      return keys.find(panelId);
    },
  };
}

const keysOf = ({ current, former }: SealingKeyFiles): SealingKeys =>
  sealingKeysOf(current, ...former.toReversed());

const publicOf = (key: Uint8Array): string => Buffer.from(sealingPublicKey(key)).toString('hex');

import { parseArgs } from 'node:util';

/** What `recover` was asked to do. */
export type RecoverOptions = {
  /** Peers to ask besides those that are known. */
  readonly peers: readonly { readonly url: string; readonly fingerprint: string }[];
  /** Peers that need not be asked, though they may know more than the others. */
  readonly without: readonly string[];
  /** Whether a ledger whose entries nobody has is closed, and its successor begun. */
  readonly acceptLoss: boolean;
  /** A file of receipts, one a line, whose records are looked for. */
  readonly receipts: string | undefined;
  readonly json: boolean;
};

/** How `recover` is called. */
export const RECOVER_USAGE =
  'recover [--peer URL --fingerprint F]... [--without ORGANISATION]... [--receipts FILE] [--accept-loss] [--json]';

/** Reads the arguments behind `recover`. @throws Error with code USAGE */
export function parseRecoverOptions(args: readonly string[]): RecoverOptions {
  const { values } = readArguments(args);
  const { peer: urls = [], fingerprint: fingerprints = [] } = values;
  if (urls.length !== fingerprints.length) throw usage('Each --peer needs its --fingerprint.');
  return {
    peers: urls.map((url, at) => ({ url, fingerprint: fingerprints[at] ?? '' })),
    without: values.without ?? [],
    acceptLoss: values['accept-loss'] ?? false,
    receipts: values.receipts,
    json: values.json ?? false,
  };
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        peer: { type: 'string', multiple: true },
        fingerprint: { type: 'string', multiple: true },
        without: { type: 'string', multiple: true },
        receipts: { type: 'string' },
        'accept-loss': { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

const usage = (reason: string): Error =>
  Object.assign(new Error(`${reason}\nUse: ${RECOVER_USAGE}`), { code: 'USAGE' });

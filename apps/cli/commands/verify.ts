import { resolve } from 'node:path';

import { getManifest, getOrganisation, MAX_EVIDENCE_BYTES } from '@dockchains/client';

import { commandOf, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { evidenceJson, signersText, subjectOf, verifyUnder } from '../evidence.ts';
import { findFile } from '../files.ts';
import { openGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import { readOrganisations } from '../organisations.ts';
import type { Outcome } from '../output.ts';
import { getProof, parseSeconds } from '../records.ts';
import { localName, parseTarget, type Target } from '../reference.ts';
import { readTrust, type Trust } from '../trust.ts';

type VerifyOptions = { readonly bundle?: string; readonly policy?: string; readonly wait: string };

/** `dockchains verify`: checks what a ledger says of an image, with a bundle alone or against the gateway. */
export const registerVerify: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('verify <reference>', {
      summary: 'check what the ledger says of an image, and say exactly what that proves',
      examples: `dockchains verify acme.example/public/app:1.0 --bundle app.tlog-proof    (uses no network)
dockchains verify acme.example/public/app:1.0    (asks the gateway too whether the tag still stands)
dockchains verify globex.example/acme.example/public/app:1.0    (asks globex, which mirrors it)`,
    })
      .option('--bundle <file>', 'verify this proof, as "prove" writes it, without any network')
      .option('--policy <file>', 'C2SP tlog-policy that says whose signatures count')
      .option('--wait <seconds>', 'how long to wait for the ledger to publish the record', '30')
      .action(
        print(async (reference: string, options: VerifyOptions) => {
          const target = parseTarget(reference, await readOrganisations(io));
          const trust = await readTrust(io, options.policy);
          return options.bundle === undefined
            ? verifyOnline(io, target, { trust, waitSeconds: parseSeconds(options.wait) })
            : verifyOffline(io, target, { trust, bundle: options.bundle });
        }),
      ),
  );
};

async function verifyOffline(
  io: Io,
  target: Target,
  { trust, bundle }: { trust: Trust; bundle: string },
): Promise<Outcome> {
  const bytes = await findFile(resolve(io.cwd, bundle), MAX_EVIDENCE_BYTES);
  if (bytes === undefined)
    throw new CliError('USAGE', `There is no file ${bundle}. "dockchains prove" writes one.`);
  const verified = verifyUnder(trust, bytes, subjectOf(target));
  return {
    text: `Verified: ${verified.statement}.\n${signersText(verified, trust)}`,
    json: { ...evidenceJson(verified, trust), checkedOnline: false },
  };
}

async function verifyOnline(
  io: Io,
  target: Target,
  { trust, waitSeconds }: { trust: Trust; waitSeconds: number },
): Promise<Outcome> {
  const session = await openGateway(io, target, 'publisher');
  const name = target.organisation?.name ?? (await getOrganisation(io.fetch, target.url)).name;
  // What is asked for now is the tag; a digest behind it is what the tag is hoped to be.
  const asked = target.tag === undefined ? target : { ...target, digest: undefined };
  const proof = await getProof(io, session, { reference: localName(asked), waitSeconds });
  // After the record: a tag that moves in between shows as moved, never as standing.
  const { digest } = await getManifest(session, target.repository, target.current);
  const asOf = io.clock().toISOString();

  const verified = verifyUnder(trust, proof, subjectOf(asked, name));
  if (target.digest !== undefined && digest !== target.digest) {
    throw notAsAsked(
      `The tag has moved: ${localName(asked)} is ${digest} now (as of ${asOf}), not ${target.digest}.`,
    );
  }
  if (verified.record.digest !== digest) {
    throw notAsAsked(
      `The gateway serves ${digest} as ${localName(asked)} (as of ${asOf}), while its ledger proves something else: ${verified.statement}. If the tag moved this moment, try again; if this stays, the gateway serves what it has not recorded.`,
    );
  }
  return {
    text: `Verified: ${verified.statement}, and the gateway answers now that it still is (as of ${asOf}); the manifest's bytes hash to that digest.\n${signersText(verified, trust)}`,
    json: { ...evidenceJson(verified, trust), checkedOnline: true, asOf },
  };
}

function notAsAsked(message: string): CliError {
  return new CliError('VERIFICATION_FAILED', message);
}

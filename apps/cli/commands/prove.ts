import { resolve } from 'node:path';

import { getOrganisation } from '@dockchains/client';

import { commandOf, type Register } from '../command.ts';
import { bundleName, evidenceJson, signersText, subjectOf, verifyUnder } from '../evidence.ts';
import { writeFileAtomically } from '../files.ts';
import { openGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import { readOrganisations } from '../organisations.ts';
import type { Outcome } from '../output.ts';
import { getProof, parseSeconds } from '../records.ts';
import { localName, parseTarget } from '../reference.ts';
import { readTrust } from '../trust.ts';

type ProveOptions = { readonly output?: string; readonly policy?: string; readonly wait: string };

/** `dockchains prove`: writes the evidence for a reference into a file that can be verified without any gateway. */
export const registerProve: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('prove <reference>', {
      summary: 'write the proof that the ledger has recorded an image, for "verify --bundle"',
      examples: `dockchains prove acme.example/public/app:1.0
dockchains prove acme.example/public/app:1.0 -o app.tlog-proof`,
    })
      .option('-o, --output <file>', 'where to write it (default: <name>.tlog-proof)')
      .option('--policy <file>', 'C2SP tlog-policy to verify it with before it is written')
      .option('--wait <seconds>', 'how long to wait for the ledger to publish the record', '30')
      .action(print((reference: string, options: ProveOptions) => prove(io, reference, options))),
  );
};

async function prove(io: Io, reference: string, options: ProveOptions): Promise<Outcome> {
  const target = parseTarget(reference, await readOrganisations(io));
  const trust = await readTrust(io, options.policy);
  const session = await openGateway(io, target, 'publisher');
  // A host that is not known yet says itself whose it is; the policy then has to know that organisation.
  const name = target.organisation?.name ?? (await getOrganisation(io.fetch, target.url)).name;
  const waitSeconds = parseSeconds(options.wait);
  const proof = await getProof(io, session, { reference: localName(target), waitSeconds });
  const verified = verifyUnder(trust, proof, subjectOf(target, name));

  const path = resolve(io.cwd, options.output ?? bundleName(target));
  await writeFileAtomically(path, proof);
  return {
    text: `Wrote ${path}. It proves that ${verified.statement}.\n${signersText(verified, trust)}`,
    json: { path, ...evidenceJson(verified, trust) },
  };
}

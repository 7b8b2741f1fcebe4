import { resolve } from 'node:path';

import {
  auditLog,
  type AuditResult,
  type AuditState,
  encodeAuditState,
  type LogReader,
  openGatewayLog,
  openHttpLog,
  parseAuditState,
} from '@dockchains/client';

import { auditProof } from '../audit-proof.ts';
import { commandOf, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { findFile, writeFileAtomically } from '../files.ts';
import { chooseGateway, openGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import type { Outcome } from '../output.ts';
import { startProgress } from '../progress.ts';
import { readTrust, type Trust } from '../trust.ts';

type AuditCommandOptions = {
  readonly policy?: string;
  readonly state?: string;
  readonly proof?: string;
  readonly ledger: string;
};
type Good = Extract<AuditResult, { status: 'good' }>;

const MAX_STATE_BYTES = 1024 * 1024;

/** `dockchains audit`: re-derives a whole ledger from its entries. */
export const registerAudit: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('audit [log]', {
      summary: 're-derive a whole ledger from its entries, and name the first byte that is not as signed',
      examples: `dockchains audit http://127.0.0.1:5000/log/public
dockchains audit acme.example --state acme.audit    (goes on where it stopped, and from there the next time)
dockchains audit acme.example --ledger private    (for operators: its entries are not there for others)
dockchains audit --proof acme.equivocation    (whether this file proves that a ledger signed two histories)`,
    })
      .option('--ledger <name>', "which of the organisation's ledgers, where no log is named", 'public')
      .option('--policy <file>', 'C2SP tlog-policy that says whose signatures count')
      .option('--state <file>', 'keep here how far the audit is, and go on from there')
      .option('--proof <file>', 'verify a proof that a ledger signed two histories, offline, instead')
      .action(
        print((log: string | undefined, options: AuditCommandOptions) =>
          options.proof === undefined
            ? audit(io, log, options)
            : auditProof(io, { path: options.proof, policy: options.policy, log }),
        ),
      ),
  );
};

async function audit(io: Io, log: string | undefined, options: AuditCommandOptions): Promise<Outcome> {
  const { url, reader } = await openLog(io, log, options.ledger);
  const trust = await readTrust(io, options.policy);
  const statePath = options.state === undefined ? undefined : resolve(io.cwd, options.state);
  const resume = statePath === undefined ? undefined : await findState(statePath);
  const save = async (state: AuditState) => {
    if (statePath !== undefined) await writeFileAtomically(statePath, encodeAuditState(state));
  };

  const progress = startProgress(io);
  const startedAt = io.clock().getTime();
  const result = await auditLog({
    reader,
    policy: trust.policy,
    resume,
    onProgress: (checked, size) => {
      progress.update(`audited ${checked} of ${size} entries (${(checked * 100n) / size} %)`);
    },
    onState: save,
  }).finally(progress.stop);

  if (result.status === 'bad') return badOutcome(url, result.finding);
  await save(result.state);
  return goodOutcome(result, { url, trust, seconds: (io.clock().getTime() - startedAt) / 1000 });
}

async function openLog(
  io: Io,
  log: string | undefined,
  ledger: string,
): Promise<{ url: string; reader: LogReader }> {
  // A URL with a path is a log's own; one without is a gateway's.
  if (log !== undefined && /^https?:\/\/[^/]+\/./.test(log)) {
    return { url: log, reader: openHttpLog(io.fetch, log) };
  }
  if (!/^[a-z]{1,32}$/.test(ledger)) {
    throw new CliError('USAGE', `"${ledger.slice(0, 100)}" is no ledger's name; "public" and "private" are.`);
  }
  const gateway = await chooseGateway(io, log);
  const url = `${gateway.url}/log/${ledger}`;
  if (ledger === 'public') return { url, reader: openHttpLog(io.fetch, url) };
  return { url, reader: openGatewayLog(await openGateway(io, gateway, 'operator'), ledger) };
}

async function findState(path: string): Promise<AuditState | undefined> {
  const bytes = await findFile(path, MAX_STATE_BYTES);
  return bytes === undefined ? undefined : parseAuditState(bytes.toString('utf8'));
}

function goodOutcome(
  { accepted, audited }: Good,
  { url, trust, seconds }: { url: string; trust: Trust; seconds: number },
): Outcome {
  const { checkpoint, witnesses } = accepted;
  const root = Buffer.from(checkpoint.root).toString('base64');
  return {
    text: `Good: ${checkpoint.origin} has ${checkpoint.size} entries, and all of its bundles and tiles lead to the signed root ${root}.
${audited} entries were audited in ${seconds.toFixed(1)} s; the head is cosigned by ${witnesses.length} witnesses that ${trust.path} names.
Not proved: that nobody was ever shown another history, which only witnesses and other observers can tell.`,
    json: {
      good: true,
      url,
      origin: checkpoint.origin,
      size: checkpoint.size.toString(),
      root,
      audited: audited.toString(),
      witnesses: witnesses.map(({ name }) => name),
      seconds,
    },
  };
}

function badOutcome(url: string, finding: Extract<AuditResult, { status: 'bad' }>['finding']): Outcome {
  return {
    text: `BAD: ${finding.message} (${finding.code})\nin ${url}`,
    json: { good: false, url, error: finding },
    exitCode: 1,
  };
}

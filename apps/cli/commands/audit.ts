import { resolve } from 'node:path';

import {
  auditLog,
  type AuditResult,
  type AuditState,
  encodeAuditState,
  openHttpLog,
  parseAuditState,
} from '@dockchains/client';

import { commandOf, type Register } from '../command.ts';
import { findFile, writeFileAtomically } from '../files.ts';
import { chooseGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import type { Outcome } from '../output.ts';
import { startProgress } from '../progress.ts';
import { readTrust, type Trust } from '../trust.ts';

type AuditCommandOptions = { readonly policy?: string; readonly state?: string };
type Good = Extract<AuditResult, { status: 'good' }>;

const MAX_STATE_BYTES = 1024 * 1024;

/** `dockchains audit`: re-derives a whole ledger from its entries. */
export const registerAudit: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('audit [log]', {
      summary: 're-derive a whole ledger from its entries, and name the first byte that is not as signed',
      examples: `dockchains audit http://127.0.0.1:5000/log/public
dockchains audit acme.example --state acme.audit    (goes on where it stopped, and from there the next time)`,
    })
      .option('--policy <file>', 'C2SP tlog-policy that says whose signatures count')
      .option('--state <file>', 'keep here how far the audit is, and go on from there')
      .action(print((log: string | undefined, options: AuditCommandOptions) => audit(io, log, options))),
  );
};

async function audit(io: Io, log: string | undefined, options: AuditCommandOptions): Promise<Outcome> {
  const url = await logUrl(io, log);
  const trust = await readTrust(io, options.policy);
  const statePath = options.state === undefined ? undefined : resolve(io.cwd, options.state);
  const resume = statePath === undefined ? undefined : await findState(statePath);
  const save = async (state: AuditState) => {
    if (statePath !== undefined) await writeFileAtomically(statePath, encodeAuditState(state));
  };

  const progress = startProgress(io);
  const startedAt = io.clock().getTime();
  const result = await auditLog({
    reader: openHttpLog(io.fetch, url),
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

async function logUrl(io: Io, log: string | undefined): Promise<string> {
  // A URL with a path is a log's own; one without is a gateway's.
  if (log !== undefined && /^https?:\/\/[^/]+\/./.test(log)) return log;
  return `${(await chooseGateway(io, log)).url}/log/public`;
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

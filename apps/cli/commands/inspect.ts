import {
  type Artifact,
  type FetchedManifest,
  findLedger,
  getArtifact,
  getBlob,
  getManifest,
  printable,
  type Session,
} from '@dockchains/client';
import type { Descriptor } from '@dockchains/oci';
import { type LedgerRecord, parseRecord, RecordError } from '@dockchains/records';
import prettyBytes from 'pretty-bytes';
import { z } from 'zod';

import { commandOf, type Register } from '../command.ts';
import { openGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import { readOrganisations } from '../organisations.ts';
import { factsOf, type Outcome, tableOf } from '../output.ts';
import { localName, parseTarget, type Target } from '../reference.ts';

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const SOURCE = 'org.opencontainers.image.source';

const platformSchema = z.looseObject({
  os: z.string().max(255),
  architecture: z.string().max(255),
  variant: z.string().max(255).optional(),
});

/** `dockchains inspect`: what a reference names now, and what the ledger says of it. Nothing is verified here. */
export const registerInspect: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('inspect <reference>', {
      summary: 'show an image: manifest, platforms, layers, annotations, and its record in the ledger',
      examples: `dockchains inspect acme.example/public/app:1.0
dockchains inspect 127.0.0.1:5000/public/app@sha256:… --json`,
    }).action(print((reference: string) => inspect(io, reference))),
  );
};

async function inspect(io: Io, reference: string): Promise<Outcome> {
  const target = parseTarget(reference, await readOrganisations(io));
  const session = await openGateway(io, target, 'publisher');
  const fetched = await getManifest(session, target.repository, target.digest ?? target.current);
  const [artifact, platforms] = await Promise.all([
    getArtifact(session, localName(target)),
    findPlatforms(session, target, fetched),
  ]);
  const record = findRecord(artifact);
  const ledger = artifact.record === null ? undefined : await findLedger(session, artifact.record.origin);
  const { manifest, digest, mediaType, bytes } = fetched;
  const parts = manifest.kind === 'index' ? manifest.manifests : manifest.layers;

  const principal = record !== undefined && 'principal' in record ? record.principal : undefined;
  const facts = factsOf([
    ['reference', `${target.registry}/${localName(target)}`],
    ['digest', digest],
    ['type', mediaType],
    ['size', prettyBytes(bytes.length + sum(parts) + (manifest.config?.size ?? 0))],
    ['platforms', platforms.length === 0 ? undefined : platforms.join(', ')],
    ['source', manifest.annotations?.[SOURCE]],
    ['published', artifact.publishedAt],
    ['record', artifact.record === null ? undefined : `${artifact.record.id} (${artifact.record.kind})`],
    ['index', (artifact.record?.index ?? artifact.index)?.toString()],
    ['state', artifact.record?.state.toLowerCase()],
    ['recorded', record?.time],
    ['principal', principal],
    ['ledger', ledger && `${ledger.origin}, ${ledger.publishedSize} of ${ledger.size} entries published`],
    ['ledger', artifact.index === null ? undefined : `${artifact.organisation}/ledger/public, mirrored here`],
    ['frozen', ledger?.frozen ?? undefined],
  ]);
  const rows = parts.map((part) => [
    part.digest,
    prettyBytes(part.size),
    platformName(part) ?? part.mediaType,
  ]);
  const annotations = Object.entries(manifest.annotations ?? {});
  const sections = [
    facts,
    ...(rows.length > 0
      ? [tableOf([manifest.kind === 'index' ? 'MANIFEST' : 'LAYER', 'SIZE', ''], rows)]
      : []),
    ...(annotations.length > 0 ? [tableOf(['ANNOTATION', ''], annotations)] : []),
  ];
  return {
    text: sections.join('\n\n'),
    json: {
      reference: `${target.registry}/${localName(target)}`,
      digest,
      mediaType,
      size: bytes.length,
      platforms,
      annotations: manifest.annotations ?? {},
      [manifest.kind === 'index' ? 'manifests' : 'layers']: parts,
      publishedAt: artifact.publishedAt,
      record: artifact.record && {
        id: artifact.record.id,
        kind: artifact.record.kind,
        index: artifact.record.index?.toString() ?? null,
        state: artifact.record.state,
        time: record?.time ?? null,
        principal: principal ?? null,
      },
      ledger: ledger && {
        origin: ledger.origin,
        size: ledger.size.toString(),
        publishedSize: ledger.publishedSize.toString(),
        frozen: ledger.frozen,
      },
    },
  };
}

/** Of an index what it says itself, of an image what its config says; an artifact that is no image has none. */
async function findPlatforms(
  session: Session,
  { repository }: Target,
  { manifest }: FetchedManifest,
): Promise<readonly string[]> {
  if (manifest.kind === 'index') {
    return [...new Set(manifest.manifests.map(platformName).filter((name) => name !== undefined))];
  }
  const { config } = manifest;
  if (config === undefined || !config.mediaType.endsWith('+json') || config.size > MAX_CONFIG_BYTES)
    return [];
  const bytes = await getBlob(session, { repository, digest: config.digest, maxBytes: MAX_CONFIG_BYTES });
  const name = nameOf(parseOrUndefined(bytes));
  return name === undefined ? [] : [name];
}

function platformName({ platform }: Descriptor): string | undefined {
  return nameOf(platform);
}

function nameOf(value: unknown): string | undefined {
  const platform = platformSchema.safeParse(value);
  if (!platform.success) return undefined;
  const { os, architecture, variant } = platform.data;
  return printable([os, architecture, variant].filter((part) => part !== undefined).join('/'));
}

function findRecord({ record }: Artifact): LedgerRecord | undefined {
  if (record === null) return undefined;
  try {
    return parseRecord(Buffer.from(record.statement, 'utf8'));
  } catch (error) {
    if (error instanceof RecordError) return undefined; // of a kind that a newer version writes
    throw error;
  }
}

function parseOrUndefined(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function sum(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((total, { size }) => total + size, 0);
}

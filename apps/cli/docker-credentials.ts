import { spawn } from 'node:child_process';
import { join } from 'node:path';

import type { Credentials } from '@dockchains/client';
import { z } from 'zod';

import { CliError } from './errors.ts';
import { findFile, writeFileAtomically } from './files.ts';
import type { Io } from './io.ts';

const configSchema = z.looseObject({
  auths: z.record(z.string(), z.looseObject({ auth: z.string().optional() })).nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

type DockerConfig = z.output<typeof configSchema>;

const helperAnswer = z.looseObject({ Username: z.string(), Secret: z.string() });

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const HELPER_TIMEOUT_MS = 30_000;

/**
 * Finds what `docker login` or `dockchains login` stored for a registry, in Docker's config.json or in the credential
 * program that it names.
 * @throws CliError BAD_CONFIGURATION
 */
export async function findDockerCredentials(io: Io, registry: string): Promise<Credentials | undefined> {
  const config = await readConfig(io);
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    const answer = await runHelper(io, helper, { verb: 'get', input: registry });
    if (answer !== undefined) return { username: answer.Username, password: answer.Secret };
  }
  const auth = findAuth(config, registry);
  if (auth === undefined || auth === '') return undefined;
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * Stores credentials as Docker does, so that both commands share them: in the configured credential program, else in
 * config.json (0600).
 * @returns where they are
 * @throws CliError BAD_CONFIGURATION, USAGE
 */
export async function storeDockerCredentials(
  io: Io,
  registry: string,
  credentials: Credentials,
): Promise<string> {
  const config = await readConfig(io);
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    const { username, password } = credentials;
    const input = JSON.stringify({ ServerURL: registry, Username: username, Secret: password });
    await runHelper(io, helper, { verb: 'store', input });
    return `docker-credential-${helper}`;
  }
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  const path = configPath(io);
  const next = { ...config, auths: { ...config.auths, [registry]: { auth } } };
  await writeFileAtomically(path, `${JSON.stringify(next, null, 2)}\n`, 0o600);
  return path;
}

function configPath({ env, homeDirectory }: Io): string {
  const folder = env.DOCKER_CONFIG;
  return join(folder === undefined || folder === '' ? join(homeDirectory, '.docker') : folder, 'config.json');
}

async function readConfig(io: Io): Promise<DockerConfig> {
  const path = configPath(io);
  const bytes = await findFile(path, MAX_CONFIG_BYTES);
  if (bytes === undefined) return {};
  try {
    return configSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new CliError('BAD_CONFIGURATION', `${path} is not a Docker configuration. Mend it or remove it.`, {
      cause,
    });
  }
}

function findAuth({ auths }: DockerConfig, registry: string): string | undefined {
  // Docker itself has written keys as URLs in the past, and still reads them.
  const keys = [registry, `https://${registry}`, `http://${registry}`, `https://${registry}/v2/`];
  return keys.map((key) => auths?.[key]?.auth).find((auth) => auth !== undefined);
}

function helperFor({ credHelpers, credsStore }: DockerConfig, registry: string): string | undefined {
  const helper = credHelpers?.[registry] ?? credsStore ?? '';
  // The name becomes part of a program's: nothing that leads into another folder.
  return /^[a-zA-Z0-9._-]{1,64}$/.test(helper) ? helper : undefined;
}

/** Runs `docker-credential-<helper>`; undefined if it knows nothing of the registry. The secret goes by standard input. */
async function runHelper(
  io: Io,
  helper: string,
  { verb, input }: { verb: 'get' | 'store'; input: string },
): Promise<z.output<typeof helperAnswer> | undefined> {
  const program = `docker-credential-${helper}`;
  const child = spawn(program, [verb], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: io.env,
    timeout: HELPER_TIMEOUT_MS,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin.on('error', () => undefined); // a program that does not read its input ends with a code, which is what counts
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).catch((cause: unknown) => {
    throw new CliError(
      'BAD_CONFIGURATION',
      `Docker's configuration names ${program}, which can't be run. Install it, or remove credsStore or credHelpers there.`,
      { cause },
    );
  });
  if (code !== 0) {
    if (verb === 'get') return undefined;
    throw new CliError('BAD_CONFIGURATION', `${program} ${verb} failed (exit ${code ?? 'by signal'}).`);
  }
  if (verb === 'store') return undefined;
  const answer = helperAnswer.safeParse(parseOrUndefined(Buffer.concat(chunks)));
  return answer.success ? answer.data : undefined;
}

function parseOrUndefined(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

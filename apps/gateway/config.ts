import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

import type { AccessLimits, Rate } from '@dockchains/access';
import { z } from 'zod';

import { readTracing, type TracingConfig } from './tracing/config.ts';

/** The environment can't be used; `problems` has one sentence for each mistake, `message` all of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'BAD_CONFIG';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** How often, on average, is not too often: requests by account and by address, for two routes apart. */
interface RateLimits extends AccessLimits {
  readonly address: Rate;
  readonly graphql: Rate;
  readonly token: Rate;
}

/** How one gateway runs, checked. */
export interface Config {
  /** DNS name of the organisation. */
  readonly organisation: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Where clients reach the gateway, without a slash at the end; undefined: where it listens. */
  readonly publicUrl: string | undefined;
  readonly databaseUrl: string;
  /** The organisation's own NATS server, if it has one. */
  readonly natsUrl: string | undefined;
  /** Folder of blobs. */
  readonly blobs: string;
  /** Folder of the ledgers' tiles and staged batches. */
  readonly tiles: string;
  readonly keysDirectory: string;
  /** Whether what is not on this machine may be reached without TLS. */
  readonly insecure: boolean;
  /** Addresses and networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly checkpointIntervalMs: number;
  /** When a push is acknowledged: once it is durable here, or once a peer holds its records. */
  readonly acknowledge: 'local' | 'replicated';
  /** How long content stays that nothing needs yet, or nothing needs any more. */
  readonly collectionLeaseSeconds: number;
  /** Within how many seconds of SIGTERM the process ends, whatever is under way. */
  readonly stopSeconds: number;
  /** Of this gateway alone. */
  readonly rateLimits: RateLimits;
  /** File of witnesses of others' making that are to cosign too (C2SP tlog-policy). */
  readonly witnessPolicy: string | undefined;
  /** File of logs of others' making that are witnessed too (C2SP tlog-policy). */
  readonly witnessLogs: string | undefined;
  readonly logLevel: string;
  /** Where traces go, if they were asked for. */
  readonly tracing: TracingConfig | undefined;
}

const PREFIX = 'DOCKCHAINS_';
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/;
const MAX_CHECKPOINT_INTERVAL_MS = 60_000;
// Service managers and Kubernetes kill 30 seconds behind SIGTERM.
const STOP_SECONDS = '29';
const MAX_STOP_SECONDS = 3_600;
const MAX_COLLECTION_LEASE_SECONDS = 30 * 86_400;
const MAX_PER_MINUTE = 1_000_000_000;

const listenSchema = z.string().transform((text, context) => {
  const [, v6, host = v6, port = ''] = ADDRESS.exec(text) ?? [];
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
  context.addIssue('must be "<address>:<port>", such as 127.0.0.1:5000');
  return z.NEVER;
});

const urlSchema = z.string().transform((text, context) => {
  const url = URL.parse(text);
  if (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    url.search + url.hash === ''
  ) {
    return url.origin;
  }
  context.addIssue('must be an http or https URL without a path, such as https://registry.acme.example');
  return z.NEVER;
});

const isNetwork = (text: string): boolean => {
  const [address = '', bits = '0', ...rest] = text.split('/');
  const maxBits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= maxBits;
};

const databaseSchema = z
  .string()
  .refine(
    (text) => /^postgres(?:ql)?:$/.test(URL.parse(text)?.protocol ?? ''),
    'must be a postgresql:// URL',
  );

const rateSchema = (perMinute: number) =>
  z
    .string()
    .default(`${perMinute}`)
    .refine(
      (text) => /^[0-9]{1,10}$/.test(text) && Number(text) <= MAX_PER_MINUTE,
      `must be a number a minute, 0 for no limit, at most ${MAX_PER_MINUTE}`,
    )
    .transform((text): Rate => ({ perMinute: Number(text) }));

const schema = z.object({
  ORGANISATION: z.string().regex(HOST_NAME, 'must be a DNS name in lowercase, such as acme.example'),
  LISTEN: listenSchema.default({ host: '127.0.0.1', port: 5000 }),
  PUBLIC_URL: urlSchema.optional(),
  DATABASE_URL: databaseSchema,
  NATS_URL: z
    .string()
    .refine(
      (text) => /^(?:nats|tls):$/.test(URL.parse(text)?.protocol ?? ''),
      'must be a nats:// or tls:// URL, such as nats://127.0.0.1:4222',
    )
    .optional(),
  BLOBS: z.string().min(1, 'must be the path of a folder'),
  TILES: z.string().min(1, 'must be the path of a folder').optional(),
  KEYS_DIR: z.string().min(1, 'must be the path of a folder'),
  TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .refine(
      (parts) => parts.every(isNetwork),
      'must be addresses or networks such as 10.0.0.0/8, separated by commas',
    ),
  INSECURE: z.enum(['0', '1'], 'must be 0 or 1').default('0'),
  CHECKPOINT_INTERVAL_MS: z
    .string()
    .default('200')
    .transform(Number)
    .refine(
      (value) => Number.isInteger(value) && value >= 1 && value <= MAX_CHECKPOINT_INTERVAL_MS,
      `must be milliseconds, 1 to ${MAX_CHECKPOINT_INTERVAL_MS}`,
    ),
  // A thousand machines behind one address that all pull at once stay below these.
  RATE_LIMIT_ADDRESS: rateSchema(600_000),
  RATE_LIMIT_ACCOUNT: rateSchema(600_000),
  RATE_LIMIT_GRAPHQL: rateSchema(30_000),
  RATE_LIMIT_TOKEN: rateSchema(30_000),
  RATE_LIMIT_FAILED_SIGN_INS: rateSchema(60),
  ACK: z.enum(['local', 'replicated'], 'must be local or replicated').default('local'),
  COLLECTION_LEASE_SECONDS: z
    .string()
    .default('3600')
    .transform(Number)
    .refine(
      (value) => Number.isInteger(value) && value >= 1 && value <= MAX_COLLECTION_LEASE_SECONDS,
      `must be seconds, 1 to ${MAX_COLLECTION_LEASE_SECONDS}`,
    ),
  STOP_SECONDS: z
    .string()
    .default(STOP_SECONDS)
    .transform(Number)
    .refine(
      (value) => Number.isInteger(value) && value >= 1 && value <= MAX_STOP_SECONDS,
      `must be seconds, 1 to ${MAX_STOP_SECONDS}`,
    ),
  WITNESS_POLICY: z.string().min(1, 'must be the path of a file').optional(),
  WITNESS_LOGS: z.string().min(1, 'must be the path of a file').optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error'], 'must be debug, info, warn or error').default('info'),
});

type Values = z.output<typeof schema>;

/** The variables whose value may instead stand in the file that `<name>_FILE` names. */
const SECRETS: readonly string[] = ['DATABASE_URL'];
const KNOWN: readonly string[] = Object.keys(schema.shape);

/**
 * Reads the gateway's configuration from `DOCKCHAINS_*` variables (docs/operators.md, Configuration), and OpenTelemetry's own
 * for traces; others are none of its business.
 * @throws ConfigError with every mistake there is
 */
export async function readConfig(environment: Readonly<Record<string, string | undefined>>): Promise<Config> {
  const { values, problems } = await gather(environment);
  const parsed = schema.safeParse(values);
  const tracing = readTracing(environment, { insecure: values.INSECURE === '1', problems });
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      const name = `${PREFIX}${String(path[0])}`;
      const missing = path[0] !== undefined && !(path[0] in values);
      if (!problems.some((problem) => problem.startsWith(`${name}_FILE `))) {
        problems.push(
          missing
            ? `${name} is not set: it ${DESCRIPTIONS[String(path[0])] ?? 'is needed'}.`
            : `${name} ${message}.`,
        );
      }
    }
  } else {
    problems.push(...findExposure(parsed.data));
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { ...toConfig(parsed.data), tracing };
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  ORGANISATION: 'names the organisation, such as acme.example',
  DATABASE_URL: 'says where PostgreSQL is, such as postgresql://user:password@127.0.0.1/dockchains',
  BLOBS: 'is the folder that blobs are kept in',
  KEYS_DIR: 'is the folder that the private keys are kept in',
};

async function gather(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ values: Record<string, string>; problems: string[] }> {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || value === undefined) continue;
    const name = variable.slice(PREFIX.length);
    const secret = SECRETS.find((one) => `${one}_FILE` === name);
    if (KNOWN.includes(name)) {
      values[name] = value;
    } else if (secret === undefined) {
      problems.push(`${variable} is not a variable of this version: correct its name or unset it.`);
    } else if (environment[`${PREFIX}${secret}`] !== undefined) {
      problems.push(`${variable} and ${PREFIX}${secret} are both set: unset one.`);
    } else {
      try {
        values[secret] = (await readFile(value, 'utf8')).trim();
      } catch {
        problems.push(`${variable} names a file that can't be read.`);
      }
    }
  }
  return { values, problems };
}

/** Passwords and tokens would travel in the clear (design: not on loopback and no TLS, refuse). */
function findExposure({ LISTEN, PUBLIC_URL, NATS_URL, INSECURE }: Values): string[] {
  if (INSECURE === '1') return [];
  if (NATS_URL?.startsWith('nats:') === true && !LOOPBACK.test(new URL(NATS_URL).hostname)) {
    return [
      `${PREFIX}NATS_URL is not on loopback and has no TLS: use a tls:// URL, or set ${PREFIX}INSECURE=1 on a network that you trust.`,
    ];
  }
  if (PUBLIC_URL?.startsWith('https:') === true) return [];
  const url = PUBLIC_URL === undefined ? undefined : new URL(PUBLIC_URL);
  if (LOOPBACK.test(LISTEN.host) && (url === undefined || LOOPBACK.test(url.hostname))) return [];
  return [
    `${PREFIX}LISTEN or ${PREFIX}PUBLIC_URL is not on loopback and there is no TLS: put a proxy with TLS in front and set ${PREFIX}PUBLIC_URL to its https URL, or set ${PREFIX}INSECURE=1 on a network that you trust.`,
  ];
}

function toConfig(values: Values): Omit<Config, 'tracing'> {
  return {
    organisation: values.ORGANISATION,
    listen: values.LISTEN,
    publicUrl: values.PUBLIC_URL,
    databaseUrl: values.DATABASE_URL,
    natsUrl: values.NATS_URL,
    blobs: values.BLOBS,
    tiles: values.TILES ?? values.BLOBS,
    keysDirectory: values.KEYS_DIR,
    insecure: values.INSECURE === '1',
    trustedProxies: values.TRUSTED_PROXIES,
    checkpointIntervalMs: values.CHECKPOINT_INTERVAL_MS,
    acknowledge: values.ACK,
    collectionLeaseSeconds: values.COLLECTION_LEASE_SECONDS,
    stopSeconds: values.STOP_SECONDS,
    rateLimits: {
      address: values.RATE_LIMIT_ADDRESS,
      account: values.RATE_LIMIT_ACCOUNT,
      graphql: values.RATE_LIMIT_GRAPHQL,
      token: values.RATE_LIMIT_TOKEN,
      failedSignIns: values.RATE_LIMIT_FAILED_SIGN_INS,
    },
    witnessPolicy: values.WITNESS_POLICY,
    witnessLogs: values.WITNESS_LOGS,
    logLevel: values.LOG_LEVEL,
  };
}

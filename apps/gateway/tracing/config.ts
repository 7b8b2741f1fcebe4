/** How traces are sent: from the OpenTelemetry specification's variables. */
export interface TracingConfig {
  /** The whole URL that spans are posted to. */
  readonly url: string;
  readonly sampler: { readonly name: SamplerName; readonly ratio: number };
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
    readonly exportTimeoutMillis: number;
  };
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** The samplers of the specification that need no other program. */
export type SamplerName = (typeof SAMPLERS)[number];

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables that ask for traces: undefined without an endpoint, and where `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER` says no. Mistakes
 * are added to `problems`, one sentence each. Headers, certificates and timeouts of the export are read by its library.
 */
export function readTracing(
  environment: Environment,
  { insecure, problems }: { insecure: boolean; problems: string[] },
): TracingConfig | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = environment;
  if (isEmpty(base) && isEmpty(traces)) return undefined;
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined;
  const exporter = environment.OTEL_TRACES_EXPORTER ?? 'otlp';
  if (exporter === 'none') return undefined;

  if (exporter !== 'otlp') problems.push('OTEL_TRACES_EXPORTER must be otlp or none.');
  const variable = isEmpty(traces) ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const protocol =
    environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ??
    environment.OTEL_EXPORTER_OTLP_PROTOCOL ??
    'http/protobuf';
  if (protocol !== 'http/protobuf') {
    problems.push('OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf: traces are sent in no other form.');
  }
  const url = URL.parse(isEmpty(traces) ? `${(base ?? '').replace(/\/$/, '')}/v1/traces` : (traces ?? ''));
  if (url === null || !/^https?:$/.test(url.protocol)) {
    problems.push(`${variable} must be an http or https URL.`);
    return undefined;
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname) && !insecure) {
    problems.push(
      `${variable} is not on loopback and has no TLS: use an https URL, or set DOCKCHAINS_INSECURE=1 on a network that you trust.`,
    );
  }
  const name = environment.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on';
  if (!isSampler(name)) problems.push(`OTEL_TRACES_SAMPLER must be one of ${SAMPLERS.join(', ')}.`);
  const number = numberReader(environment, problems);
  return {
    url: url.href,
    sampler: {
      name: isSampler(name) ? name : 'always_off',
      ratio: number('OTEL_TRACES_SAMPLER_ARG', { fallback: 1, min: 0, max: 1 }),
    },
    batch: {
      scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY', { fallback: 5_000, min: 1, max: 600_000 }),
      maxQueueSize: number('OTEL_BSP_MAX_QUEUE_SIZE', { fallback: 2_048, min: 1, max: 65_536 }),
      maxExportBatchSize: number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', { fallback: 512, min: 1, max: 65_536 }),
      exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT', { fallback: 30_000, min: 1, max: 600_000 }),
    },
  };
}

function isEmpty(text: string | undefined): boolean {
  return text === undefined || text.trim() === '';
}

function isSampler(text: string): text is SamplerName {
  return (SAMPLERS as readonly string[]).includes(text);
}

function numberReader(
  environment: Environment,
  problems: string[],
): (name: string, bounds: { fallback: number; min: number; max: number }) => number {
  return (name, { fallback, min, max }) => {
    const text = environment[name];
    if (text === undefined || text.trim() === '') return fallback;
    const value = Number(text);
    if (value >= min && value <= max) return value;
    problems.push(`${name} must be a number from ${min} to ${max}.`);
    return fallback;
  };
}

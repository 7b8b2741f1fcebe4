import { expect, test } from 'vitest';

import { readTracing } from './config.ts';

const read = (environment: Record<string, string>, insecure = false) => {
  const problems: string[] = [];
  const config = readTracing(environment, { insecure, problems });
  return { config, problems };
};

test.each([
  {},
  { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  { OTEL_SERVICE_NAME: 'gateway' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example', OTEL_SDK_DISABLED: 'TRUE' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example', OTEL_TRACES_EXPORTER: 'none' },
])('asks for no traces by %o', (environment) => {
  expect(read(environment)).toEqual({ config: undefined, problems: [] });
});

test('takes the endpoint of all signals, or that of traces as it is', () => {
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/otlp/' };
  expect(read(base).config?.url).toBe('https://collector.example/otlp/v1/traces');
  const own = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/spans' };
  expect(read(own).config?.url).toBe('http://127.0.0.1:4318/spans');
});

test('reads sampler and batches, with the defaults of the specification', () => {
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' };
  expect(read(base).config).toMatchObject({
    sampler: { name: 'parentbased_always_on', ratio: 1 },
    batch: {
      scheduledDelayMillis: 5_000,
      maxQueueSize: 2_048,
      maxExportBatchSize: 512,
      exportTimeoutMillis: 30_000,
    },
  });
  const set = {
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  expect(read({ ...base, ...set }).config).toMatchObject({
    sampler: { name: 'traceidratio', ratio: 0.25 },
    batch: { scheduledDelayMillis: 100 },
  });
});

test.each([
  { variable: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'collector:4318' },
  { variable: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector.example:4318' },
  { variable: 'OTEL_EXPORTER_OTLP_PROTOCOL', value: 'grpc' },
  { variable: 'OTEL_TRACES_EXPORTER', value: 'zipkin' },
  { variable: 'OTEL_TRACES_SAMPLER', value: 'jaeger_remote' },
  { variable: 'OTEL_TRACES_SAMPLER_ARG', value: '2' },
  { variable: 'OTEL_BSP_MAX_QUEUE_SIZE', value: 'many' },
])('refuses $variable=$value with a sentence that names it', ({ variable, value }) => {
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example' };
  const { problems } = read({ ...base, [variable]: value });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${variable} .*\\.$`));
});

test('sends without TLS where the operator says so', () => {
  const { config, problems } = read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318' }, true);
  expect(problems).toEqual([]);
  expect(config?.url).toBe('http://collector.example:4318/v1/traces');
});

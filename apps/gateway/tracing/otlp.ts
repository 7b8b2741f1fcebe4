import { AsyncLocalStorage } from 'node:async_hooks';

import {
  type Context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

import type { SamplerName, TracingConfig } from './config.ts';
import { errorType, type OpenSpan, type Tracing } from './tracing.ts';

const CLOSE_MS = 5_000;
const WARN_EVERY_MS = 60_000;

/** Starts sending spans in batches, in the background: when the collector is away or slow they are dropped, and said so once a minute. */
export function startTracing(
  { url, sampler, batch }: TracingConfig,
  log: { warn(fields: object, event: string): void },
): Tracing {
  reportFailures(log);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'dockchains-gateway' }).merge(
      detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }),
    ),
    sampler: samplerOf(sampler.name, sampler.ratio),
    spanProcessors: [
      new BatchSpanProcessor({
        ...batch,
        maxExportBatchSize: Math.min(batch.maxExportBatchSize, batch.maxQueueSize),
        exporter: new OTLPTraceExporter({ url }),
      }),
    ],
  });
  const tracer = provider.getTracer('dockchains-gateway');
  const active = new AsyncLocalStorage<Context>();

  const open = (span: Span): OpenSpan => {
    const below = trace.setSpan(ROOT_CONTEXT, span);
    let ended = false;
    return {
      run: (work) => active.run(below, work),
      rename: (name) => span.updateName(name),
      end(attributes = {}) {
        if (ended) return;
        ended = true;
        span.setAttributes(attributes);
        // Without the error's message, which may quote what nobody else may know.
        if (attributes['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  };

  return {
    beginRequest(traceparent) {
      // Its `tracestate` is left out: it would carry a client's text into every span.
      const remote = traceparent === undefined ? null : parseTraceParent(traceparent);
      const parent =
        remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...remote, isRemote: true });
      return open(tracer.startSpan('request', { kind: SpanKind.SERVER }, parent));
    },
    beginRoot: (name) => open(tracer.startSpan(name, {}, active.getStore() ?? ROOT_CONTEXT)),
    async within(name, attributes, work) {
      const parent = active.getStore();
      if (parent === undefined) return work();
      const span = open(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent));
      try {
        const value = await span.run(work);
        span.end();
        return value;
      } catch (error) {
        span.end({ 'error.type': errorType(error) });
        throw error;
      }
    },
    async close() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const deadline = setTimeout(() => {
        resolve(undefined);
      }, CLOSE_MS);
      await Promise.race([provider.shutdown().catch(() => undefined), promise]);
      clearTimeout(deadline);
    },
  };
}

function samplerOf(name: SamplerName, ratio: number): Sampler {
  const root = name.endsWith('always_off')
    ? new AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new TraceIdRatioBasedSampler(ratio)
      : new AlwaysOnSampler();
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/** The library's messages may hold URLs with credentials and the collector's answers: that something failed is all that is logged. */
function reportFailures(log: { warn(fields: object, event: string): void }): void {
  let quietUntil = 0;
  const report = (): void => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + WARN_EVERY_MS;
    log.warn({}, 'traces could not be sent, and were dropped');
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

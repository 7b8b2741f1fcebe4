import type { Config } from '../config.ts';

/** What a span may say: counts, codes and names that this program chose. Never a path, a digest, a parameter or a text of a client's. */
type SpanAttributes = Readonly<Record<string, string | number>>;

/** A span that is begun; `end` says how it went, and again is no harm. */
export interface OpenSpan {
  /** Runs `work` so that spans that begin in it are below this one. */
  run<T>(work: () => T): T;
  rename(name: string): void;
  end(attributes?: SpanAttributes & { readonly 'error.type'?: string }): void;
}

/** Where spans begin. There is none of it where no traces were asked for. */
export interface Tracing {
  /** Begins the span of a request, below the caller's if its `traceparent` (W3C Trace Context) says so. */
  beginRequest(traceparent: string | undefined): OpenSpan;
  /** Begins a span that nothing asked for, such as of work in the background. */
  beginRoot(name: string): OpenSpan;
  /** Runs `work` as a span below the one that is active; without one, as if there were no tracing. */
  within<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** Sends what is left, for 5 seconds at most; a collector that is away is no error. */
  close(): Promise<void>;
}

/** Opens tracing if the standard variables ask for it (docs/operators.md, Traces). Nothing of OpenTelemetry is loaded otherwise. */
export async function openTracing(
  { tracing }: Pick<Config, 'tracing'>,
  log: { warn(fields: object, event: string): void },
): Promise<Tracing | undefined> {
  if (tracing === undefined) return undefined;
  const { startTracing } = await import('./otlp.ts');
  return startTracing(tracing, log);
}

/** What an error is called in a span: its code if it has one of ours or PostgreSQL's form, else its class. Never its message. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^[A-Z0-9_]{1,40}$/.test(code) ? code : error.constructor.name;
}

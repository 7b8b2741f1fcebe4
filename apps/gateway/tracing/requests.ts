import type { FastifyInstance, FastifyRequest } from 'fastify';

import type { OpenSpan, Tracing } from './tracing.ts';

/** Makes each request a span, named after its method and its route: never after its path, which names repositories. */
export function traceRequests(server: FastifyInstance, tracing: Tracing): void {
  const spans = new WeakMap<FastifyRequest, OpenSpan>();
  server.addHook('onRequest', (request, _reply, done) => {
    const { traceparent } = request.headers;
    const span = tracing.beginRequest(typeof traceparent === 'string' ? traceparent : undefined);
    spans.set(request, span);
    span.run(done);
  });
  server.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const route = request.routeName ?? request.routeOptions.url ?? 'none';
    const span = spans.get(request);
    span?.rename(`${method} ${route}`);
    span?.end({
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': reply.statusCode,
      ...(reply.statusCode >= 500 && { 'error.type': String(reply.statusCode) }),
    });
    done();
  });
}

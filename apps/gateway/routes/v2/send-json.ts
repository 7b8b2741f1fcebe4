import type { FastifyReply } from 'fastify';

/** Sends a value as JSON without the charset that would be added to text: clients compare content types as strings. */
export function sendJson(
  reply: FastifyReply,
  value: unknown,
  contentType = 'application/json',
): FastifyReply {
  return reply.header('content-type', contentType).send(Buffer.from(JSON.stringify(value)));
}

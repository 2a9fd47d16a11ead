import type { FastifyReply } from 'fastify';
import type { UpstreamAnswer } from '../upstream.js';

/** Answers as the service behind did, problems too. */
export function passOn(reply: unknown, answer: UpstreamAnswer): never {
  return (reply as FastifyReply)
    .status(answer.status)
    .header('content-type', answer.contentType)
    .serializer(String)
    .send(answer.body) as never;
}

import { z } from 'zod';

/** The certificate authority that a source's own certificate is checked by, where it is no public one. */
export const caSchema = z.string().max(100_000).describe('Certificate (PEM) of a private authority');

/** How a source that need not speak TLS is to. */
export const tlsShape = {
  mode: z
    .enum(['verify', 'off'])
    .describe('verify: TLS 1.2 or newer with a valid certificate; off: only on a network that can be trusted'),
  ca: caSchema.optional(),
};

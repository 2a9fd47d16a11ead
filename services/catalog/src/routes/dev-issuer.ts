import { readFile } from 'node:fs/promises';
import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import type { Routes } from '../http/app.js';

const tags = ['machines'];
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string(), d: z.never().optional() })) });

/** An issuer of tokens for a developer's machine: only its public part, and only where it is configured. */
export const devIssuerRoutes: Routes = (app, { devIssuer }) => {
  if (!devIssuer) return;
  const config = { access: 'public.read' } as const;
  const response = { 200: z.record(z.string(), z.unknown()) };
  app.get(
    '/dev-issuer/.well-known/openid-configuration',
    { config, schema: { tags, summary: 'Discovery of the development issuer', response } },
    async () => ({
      issuer: devIssuer.issuer,
      jwks_uri: `${devIssuer.issuer}/jwks.json`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    }),
  );
  app.get(
    '/dev-issuer/jwks.json',
    { config, schema: { tags, summary: 'Keys of the development issuer', response } },
    async () => {
      const found = keySet.safeParse(JSON.parse(await readFile(devIssuer.keysFile, 'utf8')));
      if (found.success) return found.data;
      throw new SonghuaError(
        'access.dev-issuer',
        'SONGHUA_DEV_ISSUER_KEYS does not name a set of public keys; start with "songhua up --dev-issuer"',
        { actor: 'operator' },
      );
    },
  );
};

import { z } from 'zod';
import { MANIFEST_FILE, publishedFile } from '../files/published-file.js';
import { sendFile } from '../files/send-file.js';
import type { Routes } from '../http/app.js';
import { name } from '../http/schemas.js';
import { findVersion } from './find-version.js';

const params = z.object({
  name,
  version: z.union([
    z.literal('latest'),
    z
      .string()
      .regex(/^v[1-9][0-9]{0,8}$/, 'use "latest" or "v" and a version number, as in v3')
      .transform((text) => Number(text.slice(1))),
  ]),
  file: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,60}$/, 'use data.parquet, data.csv, manifest.json or the like'),
});
// JSON is read in place; data is saved.
const SHOWN = new Set([MANIFEST_FILE, 'schema.json']);

export const dataRoutes: Routes = (app, deps) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/data/:name/:version/:file',
    config: { access: 'public.read' },
    schema: {
      tags: ['files'],
      summary: 'A published file. `latest` answers with the pinned address in Content-Location',
      params,
      response: { 200: z.string().describe('the bytes'), 206: z.string().describe('a range of the bytes') },
    },
    handler: async (request, reply) => {
      const version = await findVersion(deps, request.params.name, request.params.version);
      const file = await publishedFile(deps, version, request.params.file);
      return sendFile(request, reply as never, file, {
        pinned: request.params.version !== 'latest',
        location: `/data/${version.dataset}/v${version.version}/${file.name}`,
        modifiedAt: version.publishedAt,
        ...(SHOWN.has(file.name)
          ? {}
          : {
              saveAs: `${version.dataset}-v${version.version}${file.name.replace(/^data/, '').replace(/^(?=[^.])/, '-')}`,
            }),
      }) as never;
    },
  });
};

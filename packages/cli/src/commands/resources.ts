import { RESOURCE_KINDS, type Resource, type ResourceKind, resourceSchema } from '@songhua/contracts';
import { isName, SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from '../api.js';
import { action } from '../exit.js';
import { print, printJson } from '../format.js';
import { toYaml } from '../resources/show.js';
import { connect, queryOf } from './connection.js';

/** `export` and `delete`. */
export function addResourceCommands(program: Command): void {
  program
    .command('export [resource]')
    .description('resources as YAML that can be applied again; all, a KIND, or a KIND/NAME / 导出')
    .option('--json', 'one JSON array instead')
    .action(
      action(async (resource: string | undefined, o: { json?: boolean }) => {
        const { api } = await connect();
        const [kind, name] = resource === undefined ? [] : parsePart(resource);
        const found = await fetchResources(api, { kind, name });
        if (name !== undefined && found.length === 0)
          throw new SonghuaError('resource.unknown', `there is no ${kind}/${name}; see "songhua export ${kind}"`, {
            actor: 'department',
          });
        if (o.json) printJson(found);
        else process.stdout.write(toYaml(found));
      }),
    );
  program
    .command('delete <resource>')
    .description('delete a KIND/NAME that nothing depends on / 删除')
    .option('--json')
    .action(
      action(async (resource: string, o: { json?: boolean }) => {
        const { kind, name } = parseResource(resource);
        const { api } = await connect();
        const deleted = await api.delete(pathOf(kind, name), z.looseObject({ name: z.string() }));
        print(
          o.json,
          deleted,
          () => `${kind}/${name} is deleted; bring it back with: songhua revisions rollback ${kind}/${name} N`,
        );
      }),
    );
}

export function fetchResources(
  api: Api,
  filter: { kind?: ResourceKind | undefined; name?: string | undefined },
): Promise<Resource[]> {
  return api
    .get(`/api/v1/resources${queryOf(filter)}`, z.object({ items: z.array(resourceSchema) }))
    .then(({ items }) => items);
}

export const pathOf = (kind: ResourceKind, name: string): string => `/api/v1/resources/${kind}/${name}`;

/** `Kind/name`, the kind in any case; throws `usage.resource`. */
export function parseResource(text: string): { kind: ResourceKind; name: string } {
  const [kind, name] = parsePart(text);
  if (name !== undefined) return { kind, name };
  throw new SonghuaError('usage.resource', `${text} is not KIND/NAME, as in Dataset/admission-scores`, {
    actor: 'operator',
  });
}

function parsePart(text: string): [ResourceKind, string | undefined] {
  const [asked = '', name, ...rest] = text.split('/');
  const kind = RESOURCE_KINDS.find((one) => one.toLowerCase() === asked.toLowerCase());
  if (kind && rest.length === 0 && (name === undefined || isName(name))) return [kind, name];
  throw new SonghuaError(
    'usage.resource',
    `${text} is not a KIND or KIND/NAME: kinds are ${RESOURCE_KINDS.join(', ')}, names have a-z, 0-9 and inner hyphens`,
    { actor: 'operator' },
  );
}

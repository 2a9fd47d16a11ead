import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Resource, resourceSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { action } from '../exit.js';
import { count } from '../format.js';
import { connect } from './connection.js';

export const appliedSchema = z.looseObject({ created: z.int(), changed: z.int(), unchanged: z.int() });

/** `apply -f PATH`. */
export function addApplyCommand(program: Command): void {
  program
    .command('apply')
    .description('create or change resources from files / 应用资源文件')
    .requiredOption('-f, --file <path>', 'a YAML or JSON file, or a folder of them')
    .action(
      action(async (o: { file: string }) => {
        const resources = await readResources(o.file);
        const { api } = await connect();
        const { created, changed, unchanged } = await api.post('/api/v1/resources:apply', resources, appliedSchema);
        console.log(`created ${count(created)}  changed ${count(changed)}  unchanged ${count(unchanged)}`);
        return undefined;
      }),
    );
}

/** Every resource in a file or folder; throws `resource.invalid` naming the file, the document and each wrong field. */
export async function readResources(path: string): Promise<Resource[]> {
  const info = await stat(path).catch(() => undefined);
  if (!info)
    throw new SonghuaError('usage.file', `${path} is not there: name a YAML or JSON file, or a folder of them`, {
      actor: 'operator',
    });
  const files = info.isDirectory()
    ? (await readdir(path))
        .filter((f) => /\.(ya?ml|json)$/i.test(f))
        .sort()
        .map((f) => join(path, f))
    : [path];
  const resources: Resource[] = [];
  const problems: string[] = [];
  for (const file of files) {
    for (const [index, document] of parseAllDocuments(await readFile(file, 'utf8')).entries()) {
      if (!('errors' in document)) continue;
      const where = `${file} document ${index + 1}`;
      for (const error of document.errors) problems.push(`${where}: ${error.message}`);
      if (document.errors.length > 0 || document.contents === null) continue;
      const parsed = resourceSchema.safeParse(document.toJS());
      if (parsed.success) resources.push(parsed.data);
      else
        for (const issue of parsed.error.issues) problems.push(`${where}: ${issue.path.join('.')}: ${issue.message}`);
    }
  }
  if (problems.length > 0)
    throw new SonghuaError(
      'resource.invalid',
      `${problems.join('\n  ')}\nnothing was applied: correct these and apply again`,
      { actor: 'department' },
    );
  return resources;
}

import { type Applied, appliedSchema, type Resource } from '@songhua/contracts';
import type { Command } from 'commander';
import type { Api } from '../api.js';
import pc from '../colours.js';
import { action, EXIT } from '../exit.js';
import { count, printJson } from '../format.js';
import { repeated } from '../options.js';
import { idOf, located, type Read, readResources } from '../resources/read.js';
import { causesShown, showChanges, showTotals, waitingShown } from '../resources/show.js';
import { connect } from './connection.js';
import { fetchResources } from './resources.js';

const FILE = 'a YAML or JSON file, a folder of them, or - for standard input; repeatable';

/** `plan -f PATH` and `apply -f PATH`. */
export function addApplyCommand(program: Command): void {
  program
    .command('plan')
    .description('show what apply would change, field by field; changes nothing / 预览变更')
    .requiredOption('-f, --file <path>', FILE, repeated)
    .option('--all', 'also list what is registered but not in the files; apply leaves it')
    .option('--check', 'exit with 1 when anything would change')
    .option('--json')
    .action(
      action(async (o: { file: string[]; all?: boolean; check?: boolean; json?: boolean }) => {
        const read = await readResources(o.file);
        const { api } = await connect();
        const plan = await send(api, read, true);
        const missing = o.all
          ? (await fetchResources(api, {})).map(idOf).filter((resource) => !read.origins.has(resource))
          : undefined;
        if (o.json) printJson({ ...plan, ...(missing && { missing }) });
        else printPlan(plan, missing, o.file);
        return o.check && plan.changes.length > 0 ? EXIT.failed : EXIT.done;
      }),
    );
  program
    .command('apply')
    .description('create or change resources from files, all or nothing / 应用资源文件')
    .requiredOption('-f, --file <path>', FILE, repeated)
    .option('--json')
    .action(
      action(async (o: { file: string[]; json?: boolean }) => {
        const read = await readResources(o.file);
        const { api } = await connect();
        const applied = await send(api, read, false);
        if (o.json) printJson(applied);
        else {
          console.log(showTotals(applied));
          for (const line of [...causesShown(applied), ...waitingShown(applied)]) console.log(line);
        }
      }),
    );
}

async function send(api: Api, read: Read, dryRun: boolean): Promise<Applied> {
  try {
    return await applyAll(api, read.resources, dryRun);
  } catch (error) {
    throw located(error, read);
  }
}

/** All resources in one call, so that it is all or nothing. */
export function applyAll(api: Api, resources: Resource[], dryRun = false): Promise<Applied> {
  return api.post(`/api/v1/resources:apply${dryRun ? '?dryRun=true' : ''}`, resources, appliedSchema);
}

function printPlan(plan: Applied, missing: string[] | undefined, files: string[]): void {
  if (plan.changes.length > 0) console.log(`${showChanges(plan.changes)}\n`);
  if (missing)
    for (const id of missing)
      console.log(`${pc.dim('·')} ${id}  not in the files; apply leaves it (songhua delete ${id})`);
  if (plan.changes.length === 0) console.log(`nothing to change: all ${count(plan.unchanged)} are as the files say`);
  else
    console.log(
      `${count(plan.created)} to create, ${count(plan.changed)} to change, ${count(plan.unchanged)} unchanged. Apply with: songhua apply ${files.map((file) => `-f ${file}`).join(' ')}`,
    );
}

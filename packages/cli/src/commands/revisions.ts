import { appliedSchema, type Revision, revisionSchema, toDocument } from '@songhua/contracts';
import { type Difference, differences, SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../exit.js';
import { print, printJson, table } from '../format.js';
import { showChanges, showDifference, toYaml, waitingShown } from '../resources/show.js';
import { connect } from './connection.js';
import { parseResource, pathOf } from './resources.js';

interface Asked {
  json?: boolean;
}

/** `revisions list|show|diff|rollback KIND/NAME`. */
export function addRevisionCommands(program: Command): void {
  const revisions = program.command('revisions').description('every change of a resource, and back / 修订');
  revisions
    .command('list <resource>')
    .description('changes of KIND/NAME, newest first')
    .option('--json')
    .action(
      action(async (resource: string, o: Asked) => {
        const items = await fetchRevisions(resource);
        print(o.json, { items }, () =>
          table(
            ['revision', 'action', 'author', 'at', 'fields'],
            items.map((one) => [
              one.revision,
              one.action,
              one.author,
              one.at,
              one.differences.map(({ path }) => path).join(', '),
            ]),
          ),
        );
      }),
    );
  revisions
    .command('show <resource> [revision]')
    .description('the resource as it was; the newest when no revision is named')
    .option('--json')
    .action(
      action(async (resource: string, revision: string | undefined, o: Asked) => {
        const one = pick(resource, await fetchRevisions(resource), revision);
        if (o.json) printJson(one);
        else if (one.spec === null) console.log(`deleted by ${one.author} at ${one.at}`);
        else
          process.stdout.write(toYaml([toDocument(one.kind, { name: one.name, labels: one.labels, spec: one.spec })]));
      }),
    );
  revisions
    .command('diff <resource> [from] [to]')
    .description('what changed between two revisions; to the newest when one is named, the last change when none is')
    .option('--json')
    .action(
      action(async (resource: string, from: string | undefined, to: string | undefined, o: Asked) => {
        const all = await fetchRevisions(resource);
        const newer = pick(resource, all, to);
        const found = from === undefined ? newer.differences : between(pick(resource, all, from), newer);
        print(o.json, { resource, from: from ?? null, to: newer.revision, differences: found }, () =>
          found.length === 0 ? 'no difference' : found.map(showDifference).join('\n'),
        );
      }),
    );
  revisions
    .command('rollback <resource> <revision>')
    .description('a new revision that is as an earlier one was')
    .option('--json')
    .action(
      action(async (resource: string, revision: string, o: Asked) => {
        const { kind, name } = parseResource(resource);
        const { api } = await connect();
        const from = numberOf(revision);
        const applied = await api.post(`${pathOf(kind, name)}/revisions`, { from }, appliedSchema);
        if (o.json) printJson(applied);
        else if (applied.changes.length === 0) console.log(`${kind}/${name} is as revision ${from} already`);
        else console.log([showChanges(applied.changes), ...waitingShown(applied)].join('\n'));
      }),
    );
}

async function fetchRevisions(resource: string): Promise<Revision[]> {
  const { kind, name } = parseResource(resource);
  const { api } = await connect();
  const { items } = await api.get(`${pathOf(kind, name)}/revisions`, z.object({ items: z.array(revisionSchema) }));
  return items;
}

function numberOf(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new SonghuaError('usage.revision', `${text} is not a revision: name a number from "songhua revisions list"`, {
    actor: 'operator',
  });
}

function pick(resource: string, revisions: Revision[], asked: string | undefined): Revision {
  const found = asked === undefined ? revisions[0] : revisions.find(({ revision }) => revision === numberOf(asked));
  if (found) return found;
  throw new SonghuaError(
    'usage.revision',
    `${resource} has no revision ${asked}; see "songhua revisions list ${resource}"`,
    {
      actor: 'operator',
    },
  );
}

const between = (older: Revision, newer: Revision): Difference[] => [
  ...differences(older.spec ?? undefined, newer.spec ?? undefined, 'spec'),
  ...differences(older.labels, newer.labels, 'metadata.labels'),
];

import { connectorLifeSchema, resourceSchema } from '@songhua/contracts';
import { CONNECTOR_STATES, SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { discoverAnswer, dryRunAnswer, previewAnswer, type Stream } from '../connectors/answers.js';
import { dryRunShown, previewShown, streamsShown } from '../connectors/report.js';
import { suggestedResources } from '../connectors/suggest-yaml.js';
import { type Tried, triedOf } from '../connectors/trial.js';
import { action, EXIT } from '../exit.js';
import { print, table } from '../format.js';
import { repeated } from '../options.js';
import { toYaml } from '../resources/show.js';
import { connect, queryOf } from './connection.js';
import { addKindsCommand } from './kinds.js';
import { pathOf } from './resources.js';

interface TrialOptions {
  file?: string[];
  rows?: string;
  json?: boolean;
}
interface DiscoverOptions extends TrialOptions {
  yaml?: boolean;
  stream?: string;
  department?: string;
  domain?: string;
}

const entry = z.looseObject({
  ...connectorLifeSchema.shape,
  dataset: z.string(),
  department: z.string(),
  kind: z.string(),
  mode: z.string(),
  health: z
    .looseObject({
      failures: z.int(),
      nextAttemptAt: z.string().nullable(),
      reason: z.looseObject({ code: z.string(), actor: z.string() }),
    })
    .nullish(),
});

/** What keeps it from working, and who acts. */
const ailment = ({ health, remark }: z.infer<typeof entry>): string => {
  if (!health) return remark ?? '';
  const { failures, nextAttemptAt, reason } = health;
  const again = nextAttemptAt === null ? '' : `, again at ${nextAttemptAt}`;
  return remark ?? `${failures} × ${reason.code} (${reason.actor})${again}`;
};

/** `connectors …`: kinds, trials, and the life of a connector. */
export function addConnectorCommands(program: Command): void {
  const connectors = program
    .command('connectors')
    .description('kinds of sources; try one, register it, stop and start it / 连接器');
  addKindsCommand(connectors);
  addList(connectors);
  addTrials(connectors);
  addSteps(connectors);
}

function addList(connectors: Command): void {
  connectors
    .command('list')
    .description('connectors with their state')
    .option('--department <name>')
    .option('--state <state>', CONNECTOR_STATES.join(', '))
    .option('--json')
    .action(
      action(async (o: { department?: string; state?: string; json?: boolean }) => {
        const { api } = await connect();
        const { items } = await api.get(
          `/api/v1/connectors${queryOf({ department: o.department })}`,
          z.object({ items: z.array(entry) }),
        );
        const found = items.filter(({ state }) => o.state === undefined || state === o.state);
        print(o.json, { items: found }, () =>
          table(
            ['name', 'dataset', 'kind', 'mode', 'state', 'revision', 'waits', 'remark'],
            found.map((one) => [
              one.name,
              one.dataset,
              one.kind,
              one.mode,
              one.state,
              one.approved ?? '-',
              one.proposal ? `${one.proposal.revision} ${one.proposal.stage}` : '',
              ailment(one),
            ]),
          ),
        );
      }),
    );
}

function addTrials(connectors: Command): void {
  const trial = (name: string, description: string): Command =>
    connectors
      .command(`${name} [connector]`)
      .description(description)
      .option(
        '-f, --file <path>',
        'a resource file with the Connector, registered or not, and perhaps its Dataset; repeatable',
        repeated,
      )
      .option('--json');
  const ask = async <T extends z.ZodType>(action: string, tried: Tried, rows: string | undefined, schema: T) => {
    const { api } = await connect();
    return api.post(`/api/v1/connectors:${action}`, { ...tried.body, ...rowsOf(rows) }, schema);
  };

  trial('test', 'reach the source without reading it all').action(
    action(async (name: string | undefined, o: TrialOptions) => {
      const answer = await ask('test', await triedOf(name, o.file), undefined, z.looseObject({ message: z.string() }));
      print(o.json, answer, () => answer.message);
    }),
  );
  trial('discover', 'streams, columns and types, with key, cursor, mode and frequency suggested')
    .option('--yaml', 'print a Dataset and a Connector for it, ready to apply')
    .option('--stream <name>', 'only this stream')
    .option('--department <name>', 'for --yaml: whose dataset it is')
    .option('--domain <name>', 'for --yaml: its domain')
    .action(
      action(async (name: string | undefined, o: DiscoverOptions) => {
        const tried = await triedOf(name, o.file);
        const { streams } = await ask('discover', tried, undefined, discoverAnswer);
        const shown = o.stream === undefined ? streams : streams.filter((stream) => stream.name === o.stream);
        if (o.stream !== undefined && shown.length === 0)
          throw new SonghuaError(
            'usage.discover',
            `there is no stream ${o.stream}, but ${streams.map((stream) => stream.name).join(', ')}`,
            { actor: 'operator' },
          );
        if (o.yaml) process.stdout.write(toYaml(await suggestion(tried, shown, o)));
        else print(o.json, { streams: shown }, () => streamsShown(shown));
      }),
    );
  trial('preview', 'the first rows as the public would see them: typed, without the rejected ones')
    .option('--rows <n>', 'at most 1000', '20')
    .action(
      action(async (name: string | undefined, o: TrialOptions) => {
        const answer = await ask('preview', await triedOf(name, o.file), o.rows, previewAnswer);
        print(o.json, answer, () => previewShown(answer));
      }),
    );
  trial('dry-run', 'read everything: what the next version would be, and what would be rejected; nothing is stored')
    .option('--rows <n>', 'rows shown, at most 1000', '10')
    .action(
      action(async (name: string | undefined, o: TrialOptions) => {
        const answer = await ask('dry-run', await triedOf(name, o.file), o.rows, dryRunAnswer);
        print(o.json, answer, () => dryRunShown(answer));
        return answer.outcome === 'held' ? EXIT.held : answer.outcome === 'refused' ? EXIT.failed : EXIT.done;
      }),
    );
}

function rowsOf(text: string | undefined): { rows?: number } {
  if (text === undefined) return {};
  const rows = Number(text);
  if (Number.isInteger(rows) && rows >= 1 && rows <= 1000) return { rows };
  throw new SonghuaError('usage.rows', `--rows ${text} is not a number from 1 to 1000`, { actor: 'operator' });
}

async function suggestion(tried: Tried, streams: Stream[], { department, domain }: DiscoverOptions) {
  const { api } = await connect();
  const fetched = async (kind: 'Connector' | 'Dataset', name: string) =>
    api.get(pathOf(kind, name), resourceSchema).catch(() => undefined);
  const connector = tried.resource ?? ('name' in tried.body ? await fetched('Connector', tried.body.name) : undefined);
  if (connector?.kind !== 'Connector')
    throw new SonghuaError('usage.connector', 'name a connector, or give -f FILE with one', { actor: 'department' });
  const dataset = tried.dataset ?? (await fetched('Dataset', connector.spec.dataset));
  return suggestedResources(streams, {
    connector,
    dataset: dataset?.kind === 'Dataset' ? dataset : undefined,
    department,
    domain,
  });
}

function addSteps(connectors: Command): void {
  for (const [step, description] of [
    ['submit', 'ask for the approval of a change that waits'],
    ['approve', 'let a submitted change run'],
    ['refuse', 'give a submitted change back'],
    ['pause', 'stop its schedule; it still runs when named'],
    ['resume', 'start its schedule again'],
    ['retire', 'end it for good; its versions stay'],
  ] as const) {
    const command = connectors
      .command(`${step} <connector>`)
      .description(description)
      .option('--reason <text>', 'why, for the audit log')
      .option('--json');
    if (step === 'approve' || step === 'refuse') command.option('--revision <n>', 'only this one');
    command.action(
      action(async (connector: string, o: { reason?: string; revision?: string; json?: boolean }) => {
        const { api } = await connect();
        const revision = o.revision === undefined ? undefined : Number(o.revision);
        const body = {
          ...(o.reason !== undefined && { reason: o.reason }),
          ...(revision !== undefined && { revision }),
        };
        const path = `/api/v1/connectors/${encodeURIComponent(connector)}:${step}`;
        const life = await api.post(path, body, connectorLifeSchema);
        print(
          o.json,
          life,
          () =>
            `${life.name} is ${life.state}${life.approved === null ? '' : `, revision ${life.approved}`}${life.proposal ? `; revision ${life.proposal.revision} is ${life.proposal.stage}` : ''}`,
        );
      }),
    );
  }
}

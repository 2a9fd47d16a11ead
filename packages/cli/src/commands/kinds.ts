import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import pc from '../colours.js';
import { action } from '../exit.js';
import { printJson, table } from '../format.js';
import { connect } from './connection.js';

const field = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  default: z.unknown().optional(),
  description: z.string().optional(),
});
const kinds = z.array(
  z.looseObject({
    kind: z.string(),
    title: z.object({ zh: z.string(), en: z.string() }),
    config: z.looseObject({
      properties: z.record(z.string(), field).default({}),
      required: z.array(z.string()).default([]),
    }),
  }),
);

/** `connectors kinds [KIND]`. */
export function addKindsCommand(connectors: Command): void {
  connectors
    .command('kinds [kind]')
    .description('kinds of sources; of one, the fields of its config')
    .option('--json', 'with the JSON Schema of each config')
    .action(
      action(async (name: string | undefined, o: { json?: boolean }) => {
        const { api } = await connect();
        const known = await api.get('/api/v1/connectors:kinds', kinds);
        const shown = name === undefined ? known : known.filter(({ kind }) => kind === name);
        if (shown.length === 0)
          throw new SonghuaError(
            'usage.kind',
            `there is no kind ${name}, but ${known.map(({ kind }) => kind).join(', ')}`,
            {
              actor: 'operator',
            },
          );
        if (o.json) printJson(shown);
        else if (name === undefined) console.log(kindsTable(shown));
        else for (const kind of shown) console.log(fieldsTable(kind));
      }),
    );
}

const kindsTable = (shown: z.infer<typeof kinds>): string =>
  table(
    ['kind', 'title', 'config (needed fields first)'],
    shown.map(({ kind, title, config }) => {
      const { required, properties } = config;
      const others = Object.keys(properties).filter((one) => !required.includes(one));
      return [kind, `${title.zh} ${title.en}`, [...required.map((one) => pc.bold(one)), ...others].join(', ')];
    }),
  );

const fieldsTable = ({ kind, title, config }: z.infer<typeof kinds>[number]): string =>
  `${pc.bold(kind)}  ${title.zh} ${title.en}\n${table(
    ['config field', 'type', 'when absent', 'what'],
    Object.entries(config.properties).map(([name, one]) => [
      name,
      one.enum?.join(' | ') ?? one.type ?? '',
      config.required.includes(name) ? 'needed' : one.default === undefined ? '' : JSON.stringify(one.default),
      one.description ?? '',
    ]),
  )}`;

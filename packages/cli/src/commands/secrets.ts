import { text } from 'node:stream/consumers';
import { appliedSchema, type ConnectorResource, resourceSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { addKek, resolveHome } from '@songhua/infra';
import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../exit.js';
import { count, print } from '../format.js';
import { waitingShown } from '../resources/show.js';
import { connect } from './connection.js';

const rotatedSchema = z.looseObject({ key: z.string(), secrets: z.int(), rewrapped: z.int() });

/** `secrets set` and `secrets rotate`. */
export function addSecretCommands(program: Command): void {
  const secrets = program
    .command('secrets')
    .description('credentials of connectors, kept sealed and never shown / 连接器凭据');
  secrets
    .command('set <connector> <name>')
    .description('give a secret its value, read from standard input')
    .action(
      action(async (connector: string, name: string) => {
        const value = (await text(process.stdin)).replace(/\r?\n$/, '');
        if (value === '')
          throw new SonghuaError('usage.secret', 'standard input is empty: pipe the value in, as in "… < file"', {
            actor: 'department',
          });
        const { api } = await connect();
        const present = await api.get(`/api/v1/resources/Connector/${encodeURIComponent(connector)}`, resourceSchema);
        const { metadata, spec } = present as ConnectorResource;
        const changed = { ...present, metadata, spec: { ...spec, secrets: { ...spec.secrets, [name]: { value } } } };
        const applied = await api.post('/api/v1/resources:apply', [changed], appliedSchema);
        const waiting = waitingShown(applied);
        const set = waiting.length > 0 ? 'is kept with a change that does not run yet' : 'is set';
        console.log(applied.changed > 0 ? `secret ${name} of ${connector} ${set}` : `secret ${name} is as it was`);
        for (const line of waiting) console.log(line);
      }),
    );
  secrets
    .command('rotate')
    .description('seal every stored secret under the newest key; can be repeated and resumed')
    .option('--new-key', 'make a new key first, in the state folder of this system')
    .option('--json')
    .action(
      action(async (o: { newKey?: boolean; json?: boolean }) => {
        const { api } = await connect();
        if (o.newKey) addKek(resolveHome());
        const done = await api.post('/api/v1/secrets:rotate', {}, rotatedSchema);
        print(
          o.json,
          done,
          () => `${count(done.rewrapped)} of ${count(done.secrets)} secrets moved to key ${done.key}`,
        );
      }),
    );
}

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectorSpec } from '@songhua/contracts';

type Secrets = ConnectorSpec['secrets'];

/**
 * Where the document says that secrets are, the test puts its own: into files of `folder` and variables of this process, which the
 * services inherit. What the document does not name becomes a variable of its own.
 */
export function placeSecrets(documented: Secrets, values: Record<string, string>, folder: string): Secrets {
  const placed: Secrets = {};
  for (const [name, value] of Object.entries(values)) {
    const reference = documented[name] ?? { env: `SONGHUA_SECRET_${randomBytes(6).toString('hex').toUpperCase()}` };
    placed[name] = 'value' in reference || 'stored' in reference ? { value } : reference;
    if ('env' in reference) placeVariable(reference.env, value);
    if ('file' in reference) writeFileSync(join(folder, reference.file), value);
  }
  return placed;
}

function placeVariable(name: string, value: string): void {
  const known = process.env[name];
  if (known !== undefined && known !== value) throw new Error(`two sources need different values of ${name}`);
  process.env[name] = value;
}

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ConnectorResource, type EstateResource, resourceSchema } from '@songhua/contracts';
import { Document, isPair, parseAllDocuments, visit } from 'yaml';
import type { Source } from './source.js';

const docs = resolve(__dirname, '../../../docs/connectors');
// `spec`, `config` and the field.
const MOST_LEVELS = 3;
type DatasetResource = Extract<EstateResource, { kind: 'Dataset' }>;

/** What the documentation of a kind tells a department to write. */
export interface KindDocument {
  dataset: DatasetResource;
  connector: ConnectorResource;
  /** Lines of the connector as the document writes it. */
  lines: number;
}

/** The first YAML block of `docs/connectors/<kind>.md` that holds a Connector. */
export function readKindDocument(kind: string): KindDocument {
  const text = readFileSync(join(docs, `${kind}.md`), 'utf8');
  for (const [, block = ''] of text.matchAll(/```yaml\n([\s\S]*?)```/g)) {
    const resources = parseAllDocuments(block).map((document) => resourceSchema.parse(document.toJS()));
    const connector = resources.find((one): one is ConnectorResource => one.kind === 'Connector');
    const dataset = resources.find((one): one is DatasetResource => one.kind === 'Dataset');
    const written = block.split(/^---$/m).find((part) => /^kind: Connector$/m.test(part));
    if (connector && dataset && written) return { dataset, connector, lines: written.trim().split('\n').length };
  }
  throw new Error(`docs/connectors/${kind}.md has no YAML of a Dataset and its Connector`);
}

/** The document with the addresses of a test's server; a field that the document does not have may only be added by `more`. */
export function withAddresses(
  { dataset, connector }: KindDocument,
  name: string,
  source: Pick<Source, 'config' | 'more' | 'mode'>,
): { dataset: DatasetResource; connector: ConnectorResource } {
  for (const field of Object.keys(source.config))
    if (!(field in connector.spec.config))
      throw new Error(`the document's ${connector.spec.kind} has no config.${field}`);
  const config = { ...connector.spec.config, ...source.config, ...source.more };
  return {
    dataset: { ...dataset, metadata: { ...dataset.metadata, name } },
    connector: {
      ...connector,
      metadata: { ...connector.metadata, name: `${name}-source` },
      spec: { ...connector.spec, dataset: name, config, mode: source.mode ?? connector.spec.mode },
    },
  };
}

/** YAML as the documents write it: what lies deeper than the fields of `config` and `secrets` stays on one line. */
export function toYaml(...resources: object[]): string {
  const texts = resources.map((resource) => {
    const document = new Document(resource);
    visit(document, {
      Collection: (_, node, path) => {
        node.flow = path.filter(isPair).length >= MOST_LEVELS;
      },
    });
    return document.toString({ lineWidth: 0 });
  });
  return texts.join('---\n');
}

import { KEY_FOLDERS } from './landing.js';

/** What an object in the bucket is, by its key. */
export const OBJECT_KINDS = [
  'push',
  'landing',
  'version-file',
  'version-manifest',
  'rejected',
  'render',
  'audit-head',
] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

interface Rule {
  kind: ObjectKind;
  /** Parts between slashes; those in braces are ids, `{part?}` may be absent. */
  pattern: string;
  /** The service that puts it. */
  owner: 'connector' | 'landing' | 'refresh' | 'catalog';
  /** How long it is needed, and by whom. */
  lifetime: string;
}

/**
 * Every key that this version writes: who puts it, and what it is kept for. What fits none of them is not ours to remove. In this order the
 * first that fits counts.
 */
export const KEY_GRAMMAR: readonly Rule[] = [
  {
    kind: 'push',
    pattern: 'ingest/{connector}/{place}',
    owner: 'catalog',
    lifetime:
      'until it was read and published, or refused; then, or when it was never accepted, for the retention of pushes',
  },
  {
    kind: 'landing',
    // What is kept from before claims had a place of their own has none.
    pattern: 'landing/{dataset}/{sync}/{claim?}/{attempt}/{file}',
    owner: 'landing',
    lifetime:
      'while its sync is open, is replayed or has rejected rows that can be replayed; the last ones of each connector; otherwise for the retention of landings',
  },
  {
    kind: 'version-manifest',
    pattern: 'datasets/{dataset}/versions/{version}/manifest.json',
    owner: 'refresh',
    lifetime: 'for ever; one without a version in the catalog, while its sync is open',
  },
  {
    kind: 'version-file',
    pattern: 'datasets/{dataset}/versions/{version}/{attempt}/{file}',
    owner: 'refresh',
    lifetime: 'as long as the manifest that names it, or until the dataset keeps its version no longer',
  },
  {
    kind: 'rejected',
    pattern: 'quarantine/{dataset}/{sync}/{replay?}/{file}',
    owner: 'refresh',
    lifetime: 'while its sync is open, or the quarantine names it',
  },
  {
    kind: 'render',
    pattern: 'renders/{dataset}/{version}/{place}/{file}',
    owner: 'catalog',
    lifetime: 'as long as its version, when it is the one that was recorded',
  },
  { kind: 'audit-head', pattern: 'audit/heads/{file}', owner: 'catalog', lifetime: 'for ever' },
];

/** A key taken apart: its kind and the ids in it. */
export type ParsedKey =
  | { kind: 'push'; connector: string }
  | { kind: 'landing'; dataset: string; sync: string; attempt: number }
  | { kind: 'version-manifest'; dataset: string; version: number }
  | { kind: 'version-file'; dataset: string; version: number }
  | { kind: 'rejected'; dataset: string; sync: string; replay: string | undefined }
  | { kind: 'render'; dataset: string; version: number }
  | { kind: 'audit-head' };

const NUMBERS: readonly string[] = ['attempt', 'version'];
const SEGMENT = '[A-Za-z0-9_.-]+';

const MATCHERS = KEY_GRAMMAR.map(({ kind, pattern }) => ({
  kind,
  expression: new RegExp(
    `^${pattern
      .replaceAll('.', '\\.')
      // The attempt of a landing is a number; that of a version's files is not.
      .replace(/\{(\w+)(\?)?\}(\/)?/g, (_, name: string, optional: string | undefined, slash = '') => {
        const number = NUMBERS.includes(name) && !(kind === 'version-file' && name === 'attempt');
        const group = `(?<${name}>${number ? '[1-9][0-9]{0,8}' : SEGMENT})${slash}`;
        return optional ? `(?:${group})?` : group;
      })}$`,
  ),
}));

/** What a key is; undefined when it fits none of the grammar. */
export function parseKey(key: string): ParsedKey | undefined {
  for (const { kind, expression } of MATCHERS) {
    const groups = expression.exec(key)?.groups;
    if (!groups) continue;
    const { dataset = '', sync = '', connector = '', replay, version, attempt } = groups;
    switch (kind) {
      case 'push':
        return { kind, connector };
      case 'landing':
        return { kind, dataset, sync, attempt: Number(attempt) };
      case 'rejected':
        return { kind, dataset, sync, replay };
      case 'audit-head':
        return { kind };
      default:
        return { kind, dataset, version: Number(version) };
    }
  }
  return undefined;
}

/** Prefixes to list for everything that is ours: what lies beside them in the bucket may be another deployment's. */
export const KEY_PREFIXES: readonly string[] = KEY_FOLDERS.map((folder) => `${folder}/`);

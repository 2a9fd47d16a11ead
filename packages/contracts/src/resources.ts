import { COLUMN_TYPES, FREQUENCIES, type Frequency, NAME, SCHEMA_POLICIES, SYNC_MODES } from '@songhua/domain';
import { z } from 'zod';
import { unstorable } from './storable.js';

export const resourceName = z.string().regex(NAME, 'use 1 to 100 of a-z, 0-9 and inner hyphens');
const name = resourceName;
const metadata = z.strictObject({
  name: name.describe('名称，同类中唯一 · unique among its kind'),
  labels: z.record(z.string(), z.string()).optional().describe('标签 · labels'),
  revision: z
    .int()
    .positive()
    .optional()
    .describe('所依据的修订号，过期则冲突 · the revision that this change is based on; a stale one conflicts'),
});
const apiVersion = z.literal('songhua/v1');
const frequency = z.enum(Object.keys(FREQUENCIES) as [Frequency, ...Frequency[]]);
const title = z.string().describe('名称 · title');
const titleEn = z.string().optional().describe('英文名称 · title in English');

export const departmentSpec = z.strictObject({ title, titleEn });
export const domainSpec = z.strictObject({ title, titleEn });

// Longer ones are values, and each is compared with every cell.
const blanks = z.array(z.string().max(100)).max(100);

export const datasetSpec = z.strictObject({
  title,
  description: z.string().optional().describe('说明 · description'),
  department: name.describe('提供部门 · the Department that offers it'),
  domain: name.describe('主题 · its Domain'),
  frequency: frequency.default('UNKNOWN').describe('承诺的更新频率 · the promise: how often it changes'),
  confirmationCounts: z
    .boolean()
    .optional()
    .describe(
      '核对无变化也算履行承诺 · a check that finds nothing new keeps the promise as a change does; otherwise only a change does',
    ),
  primaryKey: z.array(z.string()).default([]).describe('主键列 · columns that name a row'),
  columns: z
    .array(
      z.strictObject({
        name: z.string().describe('列名 · as the source writes it'),
        type: z.enum(COLUMN_TYPES).describe('类型 · type'),
        title: z.string().optional().describe('列标题 · title'),
        required: z.boolean().optional().describe('必填 · a row without it is rejected'),
        blanks: blanks
          .optional()
          .describe(
            '本列的空值写法 · cells that have no value in this column; in text too, where otherwise only the empty cell has none',
          ),
      }),
    )
    .optional()
    .describe('列；不写则由首个版本推断并固定 · when absent, inferred and then fixed by the first version'),
  blanks: blanks
    .optional()
    .describe('空值写法 · cells that have no value in columns that are not text, instead of the usual ones'),
  schemaPolicy: z
    .enum(SCHEMA_POLICIES)
    .default('hold')
    .describe('来源列变化时 · when the columns of the source change: follow, wait for a person, or refuse'),
  guards: z
    .strictObject({
      maxShrink: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe('一次更新最多减少的行占比 · largest share of rows that may vanish in one refresh'),
      maxRejected: z
        .number()
        .min(0)
        .max(1)
        .default(0.1)
        .describe('最多拒绝的行占比 · largest share of rows that may be rejected'),
      maxRejectedRows: z
        .int()
        .min(0)
        .optional()
        .describe('最多拒绝的行数 · largest number of rows that may be rejected, however many there are'),
    })
    .prefault({})
    .describe('更新保护 · what holds a refresh for a person'),
  versions: z
    .strictObject({
      keep: z.int().min(1).max(1_000_000).describe('至少保留的最新版本数 · how many of the newest versions stay'),
      atLeastDays: z
        .int()
        .min(0)
        .max(36_500)
        .default(0)
        .describe('每个版本至少保留的天数 · days for which every version stays, however many there are'),
    })
    .optional()
    .describe('版本保留；不写则全部保留 · how long versions are kept; when absent, all of them for ever'),
});

const secretRef = z.union([
  z.strictObject({ env: z.string().describe('环境变量 · a variable of the connector service') }),
  z.strictObject({ file: z.string().describe('文件 · in the folder of secrets') }),
  z.strictObject({ value: z.string().describe('值，保存后不再显示 · kept, and never shown again') }),
  z.strictObject({ stored: z.literal(true).describe('已保存的值 · the value that was given before') }),
]);

export const connectorSpec = z.strictObject({
  dataset: name.describe('数据集 · the Dataset that it fills'),
  kind: z.string().describe('来源类型 · kind of source'),
  mode: z.enum(SYNC_MODES).default('full').describe('同步方式 · sync mode'),
  config: z.record(z.string(), z.unknown()).default({}).describe('来源配置 · see the schema of the kind'),
  schedule: z
    .strictObject({
      cron: z.string().describe('cron 表达式 · five fields, as in 0 3 * * *'),
      timezone: z.string().default('Asia/Shanghai').describe('时区 · timezone'),
    })
    .optional()
    .describe('计划；不写则只按需运行 · when absent, it runs only when asked'),
  secrets: z.record(z.string(), secretRef).default({}).describe('凭据 · by name'),
});

const documents = {
  Department: z.strictObject({ apiVersion, kind: z.literal('Department'), metadata, spec: departmentSpec }),
  Domain: z.strictObject({ apiVersion, kind: z.literal('Domain'), metadata, spec: domainSpec }),
  Dataset: z.strictObject({ apiVersion, kind: z.literal('Dataset'), metadata, spec: datasetSpec }),
  Connector: z.strictObject({ apiVersion, kind: z.literal('Connector'), metadata, spec: connectorSpec }),
};
export type ResourceKind = keyof typeof documents;
/** In the order in which they refer to each other. */
export const RESOURCE_KINDS = Object.keys(documents) as [ResourceKind, ...ResourceKind[]];

export const resourceSchema = z
  .discriminatedUnion('kind', [documents.Department, documents.Domain, documents.Dataset, documents.Connector])
  .superRefine((resource, context) => {
    for (const { path, message } of unstorable(resource)) context.addIssue({ code: 'custom', path, message });
  });
export type Resource = z.infer<typeof resourceSchema>;
export type ConnectorResource = Extract<Resource, { kind: 'Connector' }>;
export type EstateResource = Exclude<Resource, ConnectorResource>;
export type DatasetSpec = z.infer<typeof datasetSpec>;
export type ConnectorSpec = z.infer<typeof connectorSpec>;

/**
 * A resource as it is shown: defaults filled in, keys in the order of the schema, those of free maps by name, so that the same resource is
 * always the same text. The revision only when asked for.
 */
export function toDocument(
  kind: ResourceKind,
  of: { name: string; labels: Record<string, string>; spec: unknown; revision?: number },
): Resource {
  const { name: called, labels, spec, revision } = of;
  return resourceSchema.parse({
    apiVersion: 'songhua/v1',
    kind,
    metadata: {
      name: called,
      ...(Object.keys(labels).length > 0 ? { labels: byKey(labels) } : {}),
      ...(revision === undefined ? {} : { revision }),
    },
    spec: byKey(spec),
  });
}

function byKey(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(byKey);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, item]) => [key, byKey(item)]),
  );
}

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The JSON Schema of a kind of resource, from the same schema that checks it. */
export const resourceSchemaOf = (kind: ResourceKind): JsonSchema =>
  z.toJSONSchema(documents[kind] as z.ZodType, { io: 'input' });

/** The JSON Schema of connectors of one kind of source, whose config has the schema `config`. */
export function connectorSchemaOf(source: string, config: JsonSchema): JsonSchema {
  const { $schema: _, ...own } = config;
  const document = resourceSchemaOf('Connector');
  const spec = document.properties?.spec;
  if (typeof spec !== 'object') return document;
  const needed = Array.isArray(own.required) && own.required.length > 0 ? ['config'] : [];
  const special = {
    ...spec,
    properties: { ...spec.properties, kind: { const: source }, config: own },
    required: [...(spec.required ?? []), ...needed],
  };
  return { ...document, properties: { ...document.properties, spec: special } };
}

import { nearest } from '@songhua/connector-sdk';
import { z } from 'zod';

type Issue = z.core.$ZodIssue;
type JsonSchema = Record<string, unknown>;

// More fields than these are looked up in the documentation.
const FIELDS_SHOWN = 20;

/** What is wrong with a config: a line for each field, which says where it is and what was expected there. */
export const configProblems = (schema: z.ZodType, { issues }: z.ZodError): string[] =>
  issues.flatMap((issue) => problemsOf(schema, issue));

function problemsOf(schema: z.ZodType, issue: Issue): string[] {
  const { path } = issue;
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = fieldsAt(schema, path);
      return issue.keys.map((key) => `${at([...path, key])}: is no field here; ${hint(key, known)}`);
    }
    case 'invalid_type':
      // The message alone tells that there was nothing.
      return /received undefined$/.test(issue.message)
        ? [`${at(path)}: is missing, expected ${issue.expected}`]
        : [`${at(path)}: ${issue.message}`];
    case 'invalid_key':
      return issue.issues.map(({ message }) => `${at(path)}: ${message}`);
    default:
      return [`${at(path)}: ${issue.message}`];
  }
}

const at = (path: PropertyKey[]): string => ['config', ...path.map(String)].join('.');

function hint(key: string, known: string[]): string {
  const near = nearest(key, known);
  if (near.length > 0) return `did you mean ${near.join(', ')}?`;
  return known.length === 0 ? 'leave it out' : `there are ${known.slice(0, FIELDS_SHOWN).join(', ')}`;
}

/** The fields that may stand at a place, in any of its forms. */
function fieldsAt(schema: z.ZodType, path: PropertyKey[]): string[] {
  let forms = formsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema);
  for (const key of path)
    forms = forms.flatMap(({ properties, additionalProperties, items }) => {
      const own = (properties as JsonSchema | undefined)?.[String(key)] ?? (typeof key === 'number' && items);
      const next = own || additionalProperties;
      return typeof next === 'object' && next !== null ? formsOf(next as JsonSchema) : [];
    });
  return [...new Set(forms.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

function formsOf(schema: JsonSchema): JsonSchema[] {
  const others = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((forms) => (Array.isArray(forms) ? forms : []));
  return others.length > 0 ? (others as JsonSchema[]).flatMap(formsOf) : [schema];
}

import type { RowWriter } from '../rows/writer.js';
import type { XmlHandler } from './feed.js';
import { isDeclaration } from './survey.js';

/** An element inside a record: text, or names with what they hold. */
interface Node {
  name: string;
  text: string;
  attributes: Record<string, string>;
  children: Node[];
}

/** Where the parts of a record go: `@attribute`, `child`, `child@attribute`, and '' for its own text. */
export type Columns = Map<string, number>;

/** Writes each element at `path` as a row. */
export class XmlRecordReader implements XmlHandler {
  private readonly names: string[] = [];
  private readonly inside: Node[] = [];
  private line = 0;

  constructor(
    private readonly path: string[],
    private readonly columns: Columns,
    private readonly writer: RowWriter,
  ) {}

  open(name: string, attributes: Record<string, string>, line: number): void {
    const node: Node = { name, text: '', attributes, children: [] };
    const parent = this.inside[this.inside.length - 1];
    if (parent !== undefined) {
      parent.children.push(node);
      this.inside.push(node);
      return;
    }
    this.names.push(name);
    if (this.names.length !== this.path.length || this.names.some((part, k) => part !== this.path[k])) return;
    this.line = line;
    this.inside.push(node);
  }

  text(text: string): void {
    const node = this.inside[this.inside.length - 1];
    if (node !== undefined) node.text += text;
  }

  close(): void {
    const node = this.inside.pop();
    if (this.inside.length > 0) return;
    this.names.pop();
    if (node !== undefined) this.write(node);
  }

  private write(record: Node): void {
    const row = new Array<string>(this.columns.size).fill('');
    const put = (key: string, text: string): void => {
      const column = this.columns.get(key);
      if (column !== undefined) row[column] = text;
    };
    for (const [key, value] of attributesOf(record)) put(`@${key}`, value);
    if (/\S/.test(record.text)) put('', record.text);
    const groups = new Map<string, Node[]>();
    for (const child of record.children) {
      const group = groups.get(child.name);
      if (group === undefined) groups.set(child.name, [child]);
      else group.push(child);
    }
    for (const [name, nodes] of groups) {
      const [only] = nodes as [Node];
      if (nodes.length > 1) put(name, JSON.stringify(nodes.map(jsonOf)));
      else if (only.children.length > 0) put(name, JSON.stringify(jsonOf(only)));
      else {
        put(name, only.text);
        for (const [key, value] of attributesOf(only)) put(`${name}@${key}`, value);
      }
    }
    this.writer.write(row, { line: this.line });
  }
}

const attributesOf = (node: Node): [string, string][] =>
  Object.entries(node.attributes).filter(([key]) => !isDeclaration(key));

type Value = string | Record<string, unknown>;

/** An element as JSON: its text, or an object of its attributes, children and text. */
function jsonOf(node: Node): Value {
  const attributes = attributesOf(node);
  if (attributes.length === 0 && node.children.length === 0) return node.text;
  const entries = new Map<string, unknown>(attributes.map(([key, value]) => [`@${key}`, value]));
  for (const child of node.children) {
    const before = entries.get(child.name);
    const value = jsonOf(child);
    if (before === undefined) entries.set(child.name, value);
    else entries.set(child.name, [...(Array.isArray(before) ? (before as unknown[]) : [before]), value]);
  }
  if (/\S/.test(node.text)) entries.set('#text', node.text);
  // From entries, so that a name such as __proto__ is an ordinary key.
  return Object.fromEntries(entries);
}

import { posix } from 'node:path';
import { attribute, hasPart, invalidWorkbook, localName, type Package, readPart } from './parts.js';

export interface Sheet {
  name: string;
  part: string;
  hidden: boolean;
}

export interface Workbook {
  sheets: Sheet[];
  /** Days are counted from 1904 instead of 1900. */
  date1904: boolean;
  sharedStrings: string | undefined;
  styles: string | undefined;
}

interface Relation {
  type: string;
  target: string;
}

/** Reads which sheets a workbook has and where they are. */
export async function readWorkbook(file: Package): Promise<Workbook> {
  const root = await relations(file, '');
  const part = [...root.values()].find((r) => r.type === 'officeDocument')?.target ?? 'xl/workbook.xml';
  const links = await relations(file, part);
  const sheets: Sheet[] = [];
  let date1904 = false;
  await readPart(file, part, {
    open(name, attributes) {
      const local = localName(name);
      if (local === 'workbookPr') date1904 = ['1', 'true'].includes(attribute(attributes, 'date1904') ?? '');
      if (local !== 'sheet') return;
      const link = links.get(attribute(attributes, 'id') ?? '');
      if (link === undefined) throw invalidWorkbook(file.name, `sheet ${sheets.length + 1} is not linked`);
      if (link.type !== 'worksheet') return;
      const state = attribute(attributes, 'state') ?? 'visible';
      sheets.push({ name: attribute(attributes, 'name') ?? '', part: link.target, hidden: state !== 'visible' });
    },
    text: () => undefined,
    close: () => undefined,
  });
  const target = (type: string): string | undefined => {
    const found = [...links.values()].find((link) => link.type === type)?.target;
    return found !== undefined && hasPart(file, found) ? found : undefined;
  };
  return { sheets, date1904, sharedStrings: target('sharedStrings'), styles: target('styles') };
}

/** Links of a part by id; types by their last word, which strict and transitional documents share. */
async function relations(file: Package, part: string): Promise<Map<string, Relation>> {
  const links = new Map<string, Relation>();
  const folder = posix.dirname(part === '' ? 'x' : part);
  const rels = posix.join(folder, '_rels', `${posix.basename(part)}.rels`);
  if (!hasPart(file, rels)) return links;
  await readPart(file, rels, {
    open(name, attributes) {
      if (localName(name) !== 'Relationship') return;
      const target = (attribute(attributes, 'Target') ?? '').replaceAll('\\', '/');
      if (attribute(attributes, 'TargetMode') === 'External') return;
      const type = (attribute(attributes, 'Type') ?? '').split('/').at(-1) ?? '';
      const path = target.startsWith('/') ? target.slice(1) : posix.join(folder, target);
      links.set(attribute(attributes, 'Id') ?? '', { type, target: path });
    },
    text: () => undefined,
    close: () => undefined,
  });
  return links;
}

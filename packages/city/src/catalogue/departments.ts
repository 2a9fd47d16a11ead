import type { ArchetypeName } from '../archetypes/all.js';
import { economyDepartments } from './economy.js';
import { institutionDepartments } from './institutions.js';
import { socialDepartments } from './social.js';
import type { DepartmentEntry, DomainName } from './types.js';
import { urbanDepartments } from './urban.js';

/** The 53 departments. */
export const departments: readonly DepartmentEntry[] = [
  ...socialDepartments,
  ...urbanDepartments,
  ...economyDepartments,
  ...institutionDepartments,
];

/** What every department keeps about itself, in the order in which it is opened. */
const OWN: readonly { kind: ArchetypeName; domain?: DomainName }[] = [
  { kind: 'guide', domain: 'livelihood-services' },
  { kind: 'budget', domain: 'finance-tax' },
  { kind: 'procurement', domain: 'finance-tax' },
  { kind: 'complaints', domain: 'institutions' },
  { kind: 'events' },
  { kind: 'permits' },
  { kind: 'penalties' },
  { kind: 'inspections' },
  { kind: 'equipment', domain: 'institutions' },
  { kind: 'projects' },
];

export interface CatalogueEntry {
  department: string;
  domain: DomainName;
  kind: ArchetypeName;
  /** Whole title and name for a special, else the beginning of both. */
  title: string;
  slug: string;
  special: boolean;
}

/** The datasets of one department, exactly as many as it opens. */
export function entriesOf(department: DepartmentEntry): CatalogueEntry[] {
  const { name, domain } = department;
  const specials = (department.specials ?? []).map((s): CatalogueEntry => {
    return { department: name, domain, kind: s.kind, title: s.title, slug: s.name, special: true };
  });
  const subjects = department.subjects.flatMap(([slug, title, ...kinds]) =>
    kinds.map((kind): CatalogueEntry => ({ department: name, domain, kind, title, slug, special: false })),
  );
  const own = OWN.map((o): CatalogueEntry => {
    return {
      department: name,
      domain: o.domain ?? domain,
      kind: o.kind,
      title: department.title,
      slug: name,
      special: false,
    };
  });
  const all = [...specials, ...subjects, ...own].slice(0, department.datasets);
  if (all.length < department.datasets) {
    throw new Error(`${name} opens ${department.datasets} datasets, but only ${all.length} are described`);
  }
  return all;
}

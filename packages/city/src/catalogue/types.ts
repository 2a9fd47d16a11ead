import type { ArchetypeName } from '../archetypes/all.js';

/** What a department keeps data about, and which kinds of dataset it keeps about it. */
export type Subject = readonly [slug: string, title: string, ...kinds: ArchetypeName[]];

/** A dataset with a title of its own. */
export interface Special {
  name: string;
  title: string;
  kind: ArchetypeName;
}

export interface DepartmentEntry {
  name: string;
  title: string;
  titleEn: string;
  domain: DomainName;
  /** How many datasets it opens: specials first, then subjects in order, then what every department keeps. */
  datasets: number;
  specials?: readonly Special[];
  subjects: readonly Subject[];
}

export const DOMAINS = [
  ['education-science', '教育科技', 'Education and science'],
  ['public-safety', '公共安全', 'Public safety'],
  ['livelihood-services', '民生服务', 'Livelihood services'],
  ['road-traffic', '道路交通', 'Road traffic'],
  ['health', '医疗卫生', 'Health'],
  ['social-security', '社会保障', 'Social security'],
  ['construction-housing', '城建住房', 'Construction and housing'],
  ['environment', '生态环境', 'Environment'],
  ['economy', '经济发展', 'Economy'],
  ['finance-tax', '财税金融', 'Finance and tax'],
  ['culture-tourism', '文化旅游', 'Culture and tourism'],
  ['agriculture', '农业农村', 'Agriculture'],
  ['market-regulation', '市场监管', 'Market regulation'],
  ['institutions', '机构团体', 'Institutions and organizations'],
] as const;
export type DomainName = (typeof DOMAINS)[number][0];

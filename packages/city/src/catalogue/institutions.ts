import type { DepartmentEntry, Subject } from './types.js';

const districtSubjects = (slug: string, title: string): Subject[] => [
  [`${slug}-service-centres`, `${title}便民服务中心`, 'openings'],
  [`${slug}-requests`, `${title}居民`, 'complaints'],
  [`${slug}-projects`, `${title}政府投资`, 'projects'],
  [`${slug}-communities`, `${title}社区`, 'directory'],
];

const district = (slug: string, title: string, titleEn: string, datasets: number): DepartmentEntry => ({
  name: `${slug}-district-government`,
  title: `${title}人民政府`,
  titleEn: `${titleEn} District Government`,
  domain: 'institutions',
  datasets,
  subjects: districtSubjects(slug, title),
});

/** Offices of the government itself, and the nine districts. */
export const institutionDepartments: readonly DepartmentEntry[] = [
  {
    name: 'general-office',
    title: '市政府办公厅',
    titleEn: 'General Office',
    domain: 'institutions',
    datasets: 8,
    subjects: [
      ['mayor-hotline', '12345市长热线', 'complaints', 'monthly'],
      ['government-bodies', '政府机构', 'directory', 'codes'],
      ['suggestions', '人大建议政协提案', 'projects'],
    ],
  },
  {
    name: 'justice-bureau',
    title: '市司法局',
    titleEn: 'Justice Bureau',
    domain: 'institutions',
    datasets: 11,
    subjects: [
      ['law-firms', '律师事务所', 'directory', 'inspections', 'penalties'],
      ['notary-offices', '公证处', 'directory', 'fees'],
      ['legal-aid', '法律援助', 'openings', 'monthly'],
      ['forensic-institutes', '司法鉴定机构', 'directory'],
    ],
  },
  {
    name: 'ethnic-religious-affairs-bureau',
    title: '市民族宗教事务局',
    titleEn: 'Ethnic and Religious Affairs Bureau',
    domain: 'institutions',
    datasets: 4,
    subjects: [['religious-venues', '宗教活动场所', 'directory', 'inspections']],
  },
  {
    name: 'archives-bureau',
    title: '市档案局',
    titleEn: 'Archives Bureau',
    domain: 'institutions',
    datasets: 2,
    subjects: [['open-archives', '开放档案', 'codes', 'directory']],
  },
  {
    name: 'business-environment-bureau',
    title: '市营商环境建设监督局',
    titleEn: 'Business Environment Bureau',
    domain: 'institutions',
    datasets: 6,
    subjects: [
      ['service-halls', '政务服务大厅', 'openings', 'dailyOperations'],
      ['service-ratings', '政务服务好差评', 'transactions', 'complaints'],
    ],
  },
  district('daoli', '道里区', 'Daoli', 6),
  district('nangang', '南岗区', 'Nangang', 5),
  district('daowai', '道外区', 'Daowai', 4),
  district('xiangfang', '香坊区', 'Xiangfang', 5),
  district('songbei', '松北区', 'Songbei', 4),
  district('pingfang', '平房区', 'Pingfang', 3),
  district('hulan', '呼兰区', 'Hulan', 3),
  district('acheng', '阿城区', 'Acheng', 2),
  district('shuangcheng', '双城区', 'Shuangcheng', 2),
];

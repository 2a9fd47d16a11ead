import { pad } from '../cells.js';
import * as f from '../fields.js';
import { DISTRICTS, STREETS } from '../places.js';
import { below, pick } from '../random.js';
import type { Archetype, Row } from '../types.js';

const districtName = (n: number): string => DISTRICTS[n]?.[0] ?? '';
// Two years of months in a single file.
const MONTHS = 24;
const monthOf = (row: Row): string => {
  const n = row.index % MONTHS;
  return `${2016 + Math.floor(n / 12)}-${pad((n % 12) + 1, 2)}`;
};
const EVENTS = ['冰雪节', '哈夏音乐会', '啤酒节', '读书月', '马拉松', '科普周', '招聘会', '义诊', '灯会'];

/** Sums by year, month and place, and things that happen. */
export const statistics = {
  annual: {
    title: '年度统计',
    slug: 'annual-statistics',
    description: '分区县、分指标的年度数',
    frequencies: ['ANNUAL'],
    magnitude: 0.35,
    layouts: ['yearly', 'single'],
    fields: [
      f.yearKey(),
      f.keyed('区县', (row) => f.rounds(row) % DISTRICTS.length, districtName),
      f.keyed(
        '指标编码',
        (row) => Math.floor(f.rounds(row) / DISTRICTS.length),
        (n) => `B${pad(n + 1, 3)}`,
      ),
      f.words(
        '指标名称',
        (row) => `${pick(row, ['总数', '新增', '减少', '达标', '在册', '完成'])}指标${1 + below(row, 60)}`,
      ),
      f.quantity('数值', 4_000_000, { mutable: true, blank: 0.03 }),
    ],
    optional: [
      f.choice('计量单位', ['个', '人', '人次', '件', '平方米']),
      f.decimal('同比', -30, 60, 2, { blank: 0.06 }),
      f.remark('备注', ['快报数', '年报数, 以年鉴为准', '口径有调整']),
    ],
  },
  monthly: {
    title: '月度统计',
    slug: 'monthly-statistics',
    description: '分区县的月度数',
    frequencies: ['MONTHLY'],
    magnitude: 0.45,
    layouts: ['single'],
    fields: [
      f.ambiguous(
        f.keyed(
          '统计月份|月份',
          (row) => row.index,
          (_, row) => monthOf(row),
        ),
      ),
      f.keyed('区县', f.place(MONTHS, DISTRICTS.length), districtName),
      f.keyed('项目编码', f.place(MONTHS * DISTRICTS.length), (n) => `M${pad(n + 1, 3)}`),
      f.quantity('当月数', 80_000, { mutable: true }),
      f.quantity('累计数', 900_000, { blank: 0.02 }),
    ],
    optional: [
      f.decimal('环比', -20, 25, 2, { blank: 0.04 }),
      f.decimal('同比', -30, 60, 2, { blank: 0.04 }),
      f.choice('统计口径', ['全口径', '规上', '抽样推算']),
    ],
  },
  beneficiaries: {
    title: '保障情况',
    slug: 'benefits',
    description: '分街道的户数、人数和发放金额',
    frequencies: ['MONTHLY', 'QUARTERLY'],
    magnitude: 0.6,
    layouts: ['single', 'yearly'],
    fields: [
      f.yearKey('年度'),
      f.keyed(
        '街道',
        (row) => f.rounds(row) % STREETS.length,
        (n) => STREETS[n] ?? '',
      ),
      f.keyed(
        '批次号',
        (row) => Math.floor(f.rounds(row) / STREETS.length),
        (n) => `C${pad(n + 1, 4)}`,
      ),
      f.integer('户数', 1, 900, { mutable: true }),
      f.integer('人数', 1, 2100, { mutable: true }),
      f.amount('发放金额', 2_000_000, { mutable: true }),
    ],
    optional: [f.date('发放日期'), f.choice('保障类型', ['城市', '农村', '临时']), f.decimal('人均标准', 200, 900, 2)],
  },
  admissions: {
    title: '',
    slug: '',
    description: '最近四年普通高中录取分数线，一个数据集',
    frequencies: ['ANNUAL'],
    magnitude: 0.25,
    layouts: ['yearly'],
    fields: [
      f.keyed(
        '学校',
        (row) => Math.floor(row.index / 3),
        (n) => (n === 0 ? '哈尔滨师范大学附属中学' : `哈尔滨市第${n}中学`),
      ),
      f.yearKey('年份'),
      f.keyed('批次', f.place(1, 3), (n) => ['统招', '配额', '择校'][n] ?? ''),
      f.decimal('分数线', 380, 560, 1, { required: true, mutable: true }),
      f.integer('招生人数', 20, 900, { mutable: true }),
      f.choice('学校类别', ['省级示范', '市级重点', '普通高中', '民办']),
      f.district('区县'),
    ],
    optional: [],
  },
  projects: {
    title: '项目清单',
    slug: 'projects',
    description: '项目、投资和进度',
    frequencies: ['QUARTERLY', 'MONTHLY'],
    magnitude: 0.35,
    layouts: ['single', 'yearly'],
    fields: [
      f.longCode('项目代码'),
      f.words(
        '项目名称',
        (row) => `${pick(row, ['改造', '新建', '扩建', '维修', '配套', '绿化'])}工程${1 + row.index}期`,
        { required: true },
      ),
      f.company('建设单位|承担单位'),
      f.amount('总投资', 90_000_000),
      f.date('开工日期'),
      f.decimal('完成比例', 0, 100, 1, { mutable: true, blank: 0.05 }),
    ],
    optional: [
      f.date('竣工日期', { blank: 0.35, since: [120, 900] }),
      f.choice('资金来源', ['财政', '企业自筹', '银行贷款', '混合']),
      f.district(),
      f.remark('进展说明', ['按计划推进', '受冬季停工影响', '手续办理中, 待批复'], { mutable: true }),
    ],
  },
  events: {
    title: '活动安排',
    slug: 'events',
    description: '活动的时间、地点和规模',
    frequencies: ['WEEKLY', 'MONTHLY', 'IRREG'],
    magnitude: 0.2,
    layouts: ['single', 'yearly'],
    fields: [
      f.serial('活动编号', 'HD', 5),
      f.words('活动名称', (row) => `${pick(row, EVENTS)}第${1 + below(row, 60)}场`, { required: true }),
      f.address('活动地点|地点'),
      f.date('开始日期'),
      f.integer('参加人数|预计人数', 20, 9000, { mutable: true, blank: 0.05 }),
    ],
    optional: [
      f.choice('是否免费', ['免费', '收费']),
      f.choice('主办单位', ['市级', '区级', '社会组织']),
      f.remark('活动简介', ['欢迎市民参加', '名额有限, 先到先得', '请携带"市民卡"入场']),
      f.telephone(),
    ],
  },
  fees: {
    title: '收费标准',
    slug: 'fees',
    description: '收费项目、标准和依据',
    frequencies: ['ANNUAL', 'IRREG'],
    magnitude: 0.1,
    layouts: ['single'],
    fields: [
      f.serial('收费编码', 'SF', 5),
      f.words('收费项目', (row) => `${pick(row, ['工本费', '检测费', '服务费', '占用费', '培训费'])}${1 + row.index}`, {
        required: true,
      }),
      f.decimal('标准', 1, 3000, 2, { mutable: true }),
      f.choice('计费单位', ['元/次', '元/件', '元/月', '元/平方米']),
      f.words('依据文号', (row) => `哈价发〔${2010 + below(row, 8)}〕${1 + below(row, 90)}号`),
    ],
    optional: [f.date('执行日期', { from: 2012 }), f.remark('减免政策', ['低保家庭免收', '军人、老人减半', '不减免'])],
  },
  openings: {
    title: '服务时间',
    slug: 'opening-hours',
    description: '服务网点的开放时间和容量',
    frequencies: ['QUARTERLY', 'ANNUAL'],
    magnitude: 0.25,
    layouts: ['single'],
    fields: [
      f.serial('网点编号', 'WD', 5),
      f.words('网点名称', (row) => `${pick(row, STREETS)}${1 + row.index}号服务点`, { required: true }),
      f.words('工作日时间', (row) => `${8 + below(row, 2)}:30-1${6 + below(row, 3)}:00`),
      f.choice('周末是否开放', ['开放', '不开放', '周六上午']),
      f.integer('窗口数', 1, 40, { mutable: true }),
      f.address(),
    ],
    optional: [f.telephone(), f.district(), f.longitude(), f.latitude()],
  },
} satisfies Record<string, Archetype>;

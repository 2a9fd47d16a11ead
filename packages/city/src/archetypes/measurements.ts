import { pad } from '../cells.js';
import * as f from '../fields.js';
import { ROADS } from '../places.js';
import { below, pick } from '../random.js';
import type { Archetype } from '../types.js';

// Few enough stations that a small dataset still covers several days.
const STATIONS = 12;
const station = (prefix: string) =>
  f.keyed('站点编码|站点编号', f.place(1, STATIONS), (n) => `${prefix}${pad(n + 1, 3)}`);

/** What instruments and tills write down. */
export const measurements = {
  readings: {
    title: '小时监测',
    slug: 'hourly-readings',
    description: '各站点每小时的监测值',
    frequencies: ['HOURLY', 'DAILY'],
    magnitude: 0.95,
    layouts: ['single'],
    fields: [
      station('Z'),
      f.hourKey('监测时间', STATIONS),
      f.decimal('监测值', 0, 180, 1, { mutable: true, blank: 0.02 }),
      f.decimal('均值', 0, 150, 2, { blank: 0.03 }),
      f.choice('数据状态', ['有效', '校准', '存疑'], { mutable: true }),
    ],
    optional: [
      f.decimal('上限', 100, 300, 1),
      f.decimal('下限', -20, 40, 1),
      f.integer('采样次数', 1, 60),
      f.choice('仪器状态', ['正常', '维护']),
    ],
  },
  airQuality: {
    title: '空气质量小时值',
    slug: 'hourly-air-quality',
    description: 'PM2.5、PM10、二氧化硫、二氧化氮、一氧化碳和臭氧',
    frequencies: ['HOURLY'],
    magnitude: 0.97,
    layouts: ['single'],
    fields: [
      station('A'),
      f.hourKey('时间|监测时间', STATIONS),
      f.integer('细颗粒物', 5, 500, { mutable: true, blank: 0.02 }),
      f.integer('可吸入颗粒物', 10, 600, { mutable: true, blank: 0.02 }),
      f.decimal('二氧化硫', 1, 160, 1, { blank: 0.02 }),
      f.decimal('二氧化氮', 1, 120, 1, { blank: 0.02 }),
      f.decimal('一氧化碳', 0.1, 6, 3, { blank: 0.02 }),
      f.integer('臭氧', 2, 220, { blank: 0.02 }),
    ],
    optional: [
      f.integer('空气质量指数', 20, 500, { mutable: true }),
      f.choice('首要污染物', ['PM2.5', 'PM10', 'O3', 'NO2'], { blank: 0.1 }),
    ],
  },
  weather: {
    title: '逐日资料',
    slug: 'daily-weather',
    description: '气温、降水、风和日照',
    frequencies: ['DAILY'],
    magnitude: 0.85,
    layouts: ['single'],
    fields: [
      station('Q'),
      f.dayKey('日期|观测日期', STATIONS),
      f.decimal('最高气温', -28, 36, 1, { mutable: true }),
      f.decimal('最低气温', -39, 24, 1, { mutable: true }),
      f.decimal('降水量', 0, 60, 1, { blank: 0.1 }),
    ],
    optional: [
      f.choice('风向', ['东', '南', '西', '北', '东南', '西南', '西北', '东北']),
      f.decimal('平均风速', 0, 14, 1),
      f.decimal('日照时数', 0, 15, 1, { blank: 0.02 }),
      f.integer('相对湿度', 15, 100),
    ],
  },
  traffic: {
    title: '流量统计',
    slug: 'hourly-flow',
    description: '各断面每小时的流量和速度',
    frequencies: ['HOURLY', 'DAILY'],
    magnitude: 0.96,
    layouts: ['single'],
    fields: [
      f.keyed('断面编码|路口编码', f.place(1, STATIONS), (n) => `LK${pad(n + 1, 4)}`),
      f.hourKey('统计时间|时段', STATIONS),
      f.choice('道路名称', ROADS),
      f.integer('流量|车流量', 0, 4200, { mutable: true }),
      f.decimal('平均速度', 4, 78, 1, { blank: 0.02 }),
    ],
    optional: [
      f.integer('大车流量', 0, 300),
      f.decimal('占有率', 0, 1, 3),
      f.decimal('拥堵指数', 0.8, 4.5, 2, { mutable: true }),
    ],
  },
  dailyOperations: {
    title: '日运行情况',
    slug: 'daily-operations',
    description: '每日的班次、客量和准点',
    frequencies: ['DAILY'],
    magnitude: 0.75,
    layouts: ['single'],
    fields: [
      f.keyed('线路编号|编号', f.place(1, STATIONS), (n) => `X${pad(n + 1, 3)}`),
      f.dayKey('运行日期|日期', STATIONS),
      f.quantity('客量|服务量', 90_000, { mutable: true }),
      f.integer('班次', 2, 320),
      f.decimal('准点率', 0.7, 1, 4, { blank: 0.02 }),
    ],
    optional: [
      f.decimal('运行里程', 20, 6000, 1),
      f.integer('故障次数', 0, 6),
      f.choice('天气', ['晴', '多云', '雨', '雪', '雾']),
      f.amount('营收', 300_000),
    ],
  },
  transactions: {
    title: '流水记录',
    slug: 'records',
    description: '逐笔记录，没有主键',
    frequencies: ['DAILY', 'WEEKLY'],
    magnitude: 0.9,
    layouts: ['single', 'monthly'],
    fields: [
      f.momentOf('发生时间|交易时间'),
      f.choice('网点|站点', ROADS),
      f.choice('业务类型', ['刷卡', '现金', '二维码', '月票', '退款']),
      f.decimal('金额', 1, 400, 2, { mutable: true }),
      f.integer('数量', 1, 9),
    ],
    optional: [
      f.choice('终端类型', ['车载机', '自助机', '窗口', '手机']),
      f.district(),
      f.words('终端号', (row) => `T${pad(below(row, 4000), 4)}`),
    ],
  },
  prices: {
    title: '价格监测',
    slug: 'prices',
    description: '各采价点的日价格',
    frequencies: ['DAILY', 'WEEKLY'],
    magnitude: 0.8,
    layouts: ['single'],
    fields: [
      f.keyed('品种编码', f.place(1, 40), (n) => `P${pad(n + 1, 3)}`),
      f.dayKey('采价日期', 40),
      f.choice('品种名称', ['大米', '面粉', '豆油', '猪肉', '鸡蛋', '白菜', '土豆', '苹果', '牛奶', '92号汽油']),
      f.choice('规格', ['一级', '二级', '散装', '袋装', '升']),
      f.decimal('价格', 1, 90, 2, { mutable: true, required: true }),
    ],
    optional: [
      f.choice('采价点', ['道里菜市场', '透笼市场', '哈达果品', '南极市场', '大润发']),
      f.choice('计量单位', ['元/500克', '元/升', '元/袋']),
      f.decimal('环比', -9, 9, 2, { blank: 0.05 }),
    ],
  },
  samples: {
    title: '抽样检测',
    slug: 'sampling-tests',
    description: '抽样、检测项目和结论',
    frequencies: ['MONTHLY', 'QUARTERLY'],
    magnitude: 0.65,
    layouts: ['single', 'yearly', 'monthly'],
    fields: [
      f.serial('抽样编号|样品编号', 'CY'),
      f.words(
        '样品名称',
        (row) =>
          `${pick(row, ['红肠', '大列巴', '啤酒', '酸菜', '大米', '饮用水', '豆制品', '化肥', '童装'])}${pick(row, ['(散装)', '(预包装)', ''])}`,
        { required: true },
      ),
      f.company('受检单位|生产单位'),
      f.date('抽样日期'),
      f.decimal('检测值', 0, 50, 3, { blank: 0.1, mutable: true }),
      f.choice('结论|检验结论', ['合格', '不合格', '复检合格'], { mutable: true }),
    ],
    optional: [
      f.choice('检测项目', ['菌落总数', '大肠菌群', '铅', '镉', '甲醛', '余氯', '浊度']),
      f.decimal('限值', 0.01, 60, 2),
      f.district(),
      f.remark('不合格说明', ['超出限值', '标签不规范, 已下架', '包装破损']),
    ],
  },
  water: {
    title: '水质监测',
    slug: 'water-quality',
    description: '断面水质的月监测结果',
    frequencies: ['MONTHLY', 'WEEKLY'],
    magnitude: 0.5,
    layouts: ['single'],
    fields: [
      f.keyed('断面编号|断面代码', f.place(1, STATIONS), (n) => `DM${pad(n + 1, 3)}`),
      f.dayKey('监测日期', STATIONS),
      f.decimal('溶解氧', 2, 14, 2, { mutable: true }),
      f.decimal('氨氮', 0.01, 4, 3, { blank: 0.02 }),
      f.decimal('总磷', 0.01, 0.9, 3, { blank: 0.02 }),
      f.choice('水质类别', ['Ⅱ类', 'Ⅲ类', 'Ⅳ类', 'Ⅴ类']),
    ],
    optional: [
      f.decimal('酸碱度', 6, 9, 2),
      f.decimal('水温', 0, 26, 1, { blank: 0.05 }),
      f.decimal('高锰酸盐指数', 1, 12, 1),
    ],
  },
} satisfies Record<string, Archetype>;

import type { SqlColumn, SqlDialect } from '../sql/index.js';

const doubled = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const ISO = 'YYYY-MM-DD HH24:MI:SS';

const nativeOf = ({ native }: SqlColumn): string => native?.toUpperCase() ?? '';

export const oracleDialect: SqlDialect = {
  quote: doubled,
  placeholder(index, column) {
    const native = nativeOf(column);
    if (/TIME ZONE|_TZ|_LTZ/.test(native)) return `TO_TIMESTAMP_TZ(:${index}, '${ISO}.FF9TZH:TZM')`;
    if (native.startsWith('TIMESTAMP')) return `TO_TIMESTAMP(:${index}, '${ISO}.FF9')`;
    return native === 'DATE' ? `TO_DATE(:${index}, '${ISO}')` : `:${index}`;
  },
  text(expression, column) {
    const native = nativeOf(column);
    if (/TIME ZONE|_TZ|_LTZ/.test(native)) return `TO_CHAR(SYS_EXTRACT_UTC(${expression}), '${ISO}.FF9') || '+00:00'`;
    if (native.startsWith('TIMESTAMP')) return `TO_CHAR(${expression}, '${ISO}.FF9')`;
    if (native === 'DATE') return `TO_CHAR(${expression}, '${ISO}')`;
    if (/^(NUMBER|FLOAT|BINARY_(FLOAT|DOUBLE))/.test(native)) return `TO_CHAR(${expression}, 'TM9')`;
    return native === 'RAW' ? `LOWER(RAWTOHEX(${expression}))` : expression;
  },
};

export const damengDialect: SqlDialect = {
  quote: doubled,
  placeholder(index, column) {
    const native = nativeOf(column);
    if (/^(TIMESTAMP|DATETIME)/.test(native)) return `CAST(:${index} AS TIMESTAMP(6))`;
    return native === 'DATE' ? `CAST(:${index} AS DATE)` : `:${index}`;
  },
  text(expression, column) {
    const native = nativeOf(column);
    if (/^(TIMESTAMP|DATETIME)/.test(native)) return `TO_CHAR(${expression}, '${ISO}.FF6')`;
    if (native === 'DATE') return `TO_CHAR(${expression}, 'YYYY-MM-DD')`;
    if (/BINARY$/.test(native)) return `LOWER(RAWTOHEX(${expression}))`;
    return /CHAR|TEXT|CLOB|BLOB|IMAGE/.test(native) ? expression : `CAST(${expression} AS VARCHAR(100))`;
  },
};

export const sqlserverDialect: SqlDialect = {
  quote: (name) => `[${name.replaceAll(']', ']]')}]`,
  placeholder(index, column) {
    const native = nativeOf(column);
    if (native === 'DATETIMEOFFSET') return `CONVERT(datetimeoffset(7), @p${index}, 121)`;
    if (/^(DATETIME|SMALLDATETIME)/.test(native)) return `CONVERT(datetime2(7), @p${index}, 121)`;
    return native === 'DATE' ? `CONVERT(date, @p${index}, 121)` : `@p${index}`;
  },
  // The driver itself turns numbers and times into its language's, and loses digits.
  text(expression, column) {
    const native = nativeOf(column);
    if (native === 'DATETIMEOFFSET') return `CONVERT(varchar(40), SWITCHOFFSET(${expression}, '+00:00'), 121)`;
    if (/^(DATE|TIME|SMALLDATETIME)/.test(native)) return `CONVERT(varchar(40), ${expression}, 121)`;
    if (/^(FLOAT|REAL)$/.test(native)) return `CONVERT(varchar(50), ${expression}, 3)`;
    if (/MONEY$/.test(native)) return `CONVERT(varchar(50), ${expression}, 2)`;
    if (native === 'BIT') return `CASE ${expression} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END`;
    if (/BINARY$|^IMAGE$/.test(native)) return `LOWER(CONVERT(varchar(max), CAST(${expression} AS varbinary(max)), 2))`;
    return /CHAR|TEXT|XML/.test(native)
      ? `CAST(${expression} AS nvarchar(max))`
      : `CONVERT(nvarchar(100), ${expression})`;
  },
  takesMore: true,
};
